"""Unannounced changes: values computed before them are not served once the cached state has expired."""

from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone
from django_redis import get_redis_connection

from events.announcements import changes_merge
from events.list_invalidation import catalogue_token_key
from movies.caching.version_tokens import AVAILABILITY, CATALOGUE, record_invalidation
from movies.models import CacheInvalidation, Movie
from recommendations.discovery.popular import popular_list
from recommendations.discovery.similar import similar_list
from recommendations.models import ModelVersion
from recommendations.retrieval import database_state
from recommendations.retrieval.database_state import catalogue_token, current_state, state_under
from recommendations.retrieval.movie_features import feature_cache_for
from recommendations.serving.services import recommendation_list
from tests.factories import Cast, make_batch_list, make_embedding, make_version

Status = ModelVersion.Status


def pass_a_second() -> None:
    """As if the state had been read a second ago."""
    held = database_state._held
    if held is not None:
        database_state._held = held._replace(read_at=held.read_at - database_state.CACHE_SECONDS)


def flip_unannounced(cast: Cast) -> ModelVersion:
    """Another version goes live, as where the process that published it was killed after its commit."""
    other = make_version(Status.RETIRED)
    for movie in cast.movies.values():
        make_embedding(other, movie, [0.1, 0.1, 0.1])
    make_batch_list(other, cast.alice, {cast["Babe"]: 0.9})
    ModelVersion.objects.filter(pk=cast.version.pk).update(status=Status.RETIRED)
    ModelVersion.objects.filter(pk=other.pk).update(status=Status.LIVE)
    return other


def served(cast: Cast) -> bytes:
    return recommendation_list(user=cast.alice, limit=5)


def hide_unannounced(movie: Movie) -> None:
    Movie.objects.filter(pk=movie.pk).update(status=Movie.Status.HIDDEN)
    record_invalidation(CATALOGUE)


def test_a_version_nobody_announced_is_served_within_a_second(cast):
    assert f'"model_version":{cast.version.pk},' in served(cast).decode()
    other = flip_unannounced(cast)
    pass_a_second()

    assert f'"model_version":{other.pk},' in served(cast).decode()


def test_a_list_of_a_version_that_is_gone_is_not_served(cast):
    gone = served(cast)
    ModelVersion.objects.filter(pk=cast.version.pk).delete()
    pass_a_second()
    after = served(cast)

    assert f'"model_version":{cast.version.pk},' in gone.decode()
    assert '"model_version":null,' in after.decode()


def test_a_movie_whose_hiding_nobody_announced_leaves_every_list(cast):
    heat = cast["Heat"]
    key = catalogue_token_key()
    shown = [str(served(cast)), str(popular_list()), str(similar_list(movie_id=cast["Casino"].pk))]
    assert all("Heat" in text for text in shown)
    features = feature_cache_for(catalogue_token())
    assert heat.pk in features.cards([heat.pk])
    token = get_redis_connection("default").get(key)
    hide_unannounced(heat)
    pass_a_second()

    shown = [str(served(cast)), str(popular_list()), str(similar_list(movie_id=cast["Casino"].pk))]
    assert not any("Heat" in text for text in shown)
    assert heat.pk not in feature_cache_for(catalogue_token()).cards([heat.pk])
    assert get_redis_connection("default").get(key) == token


def test_the_state_is_read_once_a_second_not_once_a_list(cast, django_assert_num_queries):
    served(cast)

    with django_assert_num_queries(0):
        for _ in range(5):
            served(cast)
    pass_a_second()
    with django_assert_num_queries(1):
        for _ in range(5):
            served(cast)


def test_under_another_token_the_state_is_read_at_once(cast):
    before = state_under(b"one")
    record_invalidation(CATALOGUE)

    assert current_state() == before
    assert state_under(b"one") == before
    assert state_under(b"two").text != before.text


def test_a_change_that_commits_after_a_later_one_counts_too(cast):
    record_invalidation(CATALOGUE)
    late = CacheInvalidation.objects.create(name=CATALOGUE, token=5)
    record_invalidation(CATALOGUE)
    everything = state_under(b"one").text
    # As it looks while the earlier one has not committed.
    CacheInvalidation.objects.filter(pk=late.pk).delete()

    assert state_under(b"two").text != everything


def test_changes_of_people_leave_the_state_alone(cast):
    before = state_under(b"one").text
    record_invalidation("user:7")

    assert state_under(b"two").text == before


def test_merged_changes_mean_the_same(cast):
    for _ in range(3):
        record_invalidation(CATALOGUE)
        record_invalidation(AVAILABILITY)
    record_invalidation("user:7")
    before = state_under(b"one").text
    CacheInvalidation.objects.update(created_at=timezone.now() - timedelta(hours=2))
    record_invalidation(CATALOGUE)
    after = state_under(b"two").text
    changes_merge()
    assert CacheInvalidation.objects.filter(name=AVAILABILITY).count() == 1

    assert CacheInvalidation.objects.filter(name=CATALOGUE).count() == 2
    assert state_under(b"three").text == after != before
    changes_merge()
    assert state_under(b"four").text == after
    assert CacheInvalidation.objects.filter(name="user:7").exists()


@pytest.mark.django_db(transaction=True)
def test_tables_that_were_replaced_are_another_state():
    record_invalidation(CATALOGUE)
    rows = list(CacheInvalidation.objects.values_list("name", "token"))
    before = state_under(b"one").text
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE movies_cacheinvalidation")
    for name, token in rows:
        CacheInvalidation.objects.create(name=name, token=token)

    assert state_under(b"two").text != before

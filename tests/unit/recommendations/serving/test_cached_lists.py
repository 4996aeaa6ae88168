"""Cached lists with real PostgreSQL and Redis: what they cost, what ends them, and what is served without Redis."""

import json

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django_redis import get_redis_connection
from redis.exceptions import ConnectionError as RedisConnectionError

from events.models import Interaction
from movies.caching import version_tokens
from movies.models import Movie
from movies.services import movies_hide
from recommendations.curation.active import placement_for
from recommendations.models import RATING_DIMENSIONS, MovieEmbedding
from recommendations.retrieval import movie_features
from recommendations.retrieval.database_state import catalogue_token
from recommendations.retrieval.movie_features import feature_cache_for
from recommendations.serving import gather, list_cache, services
from recommendations.serving.list_cache import Lookup
from tests.factories import make_embedding, make_movie
from tests.served import served_lists
from tests.tokens import user_token_key
from tests.unit.recommendations.serving.answers import act, served, titles


def test_the_same_list_is_served_until_something_happens(cast):
    first, again = served(cast.alice), served(cast.alice)
    shorter = served(cast.alice, limit=2)

    assert first == again
    assert shorter["recommendation_id"] == first["recommendation_id"]
    assert shorter["items"] == first["items"][:2]
    assert served_lists().count() == 1


def test_a_cached_list_costs_no_query(cast):
    served(cast.alice)

    with CaptureQueriesContext(connection) as queries:
        served(cast.alice)

    assert len(queries) == 0


def test_a_served_list_is_logged_once_with_its_id(cast):
    answer = json.loads(services.recommendation_list(user=cast.alice, limit=3, request_id="req-1"))
    log = served_lists().get()

    assert str(log.pk) == answer["recommendation_id"]
    assert (log.user, log.model_version_id, log.request_id) == (cast.alice, cast.version.pk, "req-1")
    assert len(log.movie_ids) == len(log.scores) == 9
    assert log.movie_ids[:3] == [entry["movie"]["id"] for entry in answer["items"]]


@pytest.mark.parametrize(("who", "count"), [("alice", 12), ("carol", 10)])
def test_a_process_first_miss_has_a_fixed_number_of_queries(cast, monkeypatch, who, count):
    monkeypatch.setattr(movie_features, "BLOCK_SIZE", 1)
    with CaptureQueriesContext(connection) as queries:
        served(getattr(cast, who))

    # The database's state, experiments, rules, version with batch row and history, what the version is served with,
    # new movies, candidates' cards and directors, popular and the rest of the catalogue to fill up with, cards and
    # directors of those.
    # Carol's candidates are what is popular, which the fill then knows.
    assert len(queries) == count


def test_a_miss_with_cached_features_costs_two_queries(cast):
    for n in range(200):
        make_embedding(cast.version, make_movie(f"Extra {n}"), [0.1, 0.1, 0.1])
    MovieEmbedding.objects.update(rating_factors=[3.0, *[1.0] * (RATING_DIMENSIONS - 1)])
    for title in ("Toy Story", "Heat", "Babe"):
        act(cast, cast.alice, title, "rating", 4.5)
    features = feature_cache_for(catalogue_token())
    everything = Movie.objects.values_list("pk", flat=True)
    features.cards(everything)
    features.vectors(cast.version.pk).query_factors(everything)
    features.new_movies(cast.version.pk)
    features.serving(cast.version.pk)
    placement_for(cast.alice.pk)

    with CaptureQueriesContext(connection) as queries:
        items = served(cast.alice)["items"]
    assert len(items) == 100
    assert None not in [item["predicted_rating"] for item in items]

    # Version with batch row and history, nearest.
    assert len(queries) == 2


def test_another_persons_list_is_never_served(cast):
    alices = served(cast.alice)
    bobs = served(cast.bob)

    assert alices["recommendation_id"] != bobs["recommendation_id"]
    assert titles(alices) != titles(bobs)
    assert served(cast.alice) == alices


def test_an_event_drops_ones_own_list_and_nobody_elses(cast):
    alices, bobs = served(cast.alice), served(cast.bob)
    act(cast, cast.bob, "Heat", "like")

    assert served(cast.alice) == alices
    changed = served(cast.bob)
    assert changed["recommendation_id"] != bobs["recommendation_id"]
    assert titles(changed) != titles(bobs)


def test_a_new_version_or_a_hidden_movie_drops_every_list(cast, django_capture_on_commit_callbacks):
    first = served(cast.alice)
    version_tokens.invalidate_catalogue()
    second = served(cast.alice)
    with django_capture_on_commit_callbacks(execute=True):
        movies_hide(movie_ids=[cast["Heat"].pk])
    third = served(cast.alice)

    assert len({answer["recommendation_id"] for answer in (first, second, third)}) == 3
    assert "Heat" in titles(second)
    assert "Heat" not in titles(third)


def test_a_list_computed_during_an_event_is_not_served_after_it(cast, monkeypatch):
    """The event commits after the list was computed from the old state and before it is kept."""
    store = list_cache.store

    def keep_after_an_event(*args, **kwargs):
        act(cast, cast.bob, "Toy Story", "dislike")
        store(*args, **kwargs)

    with monkeypatch.context() as patched:
        patched.setattr(list_cache, "store", keep_after_an_event)
        stale = served(cast.bob)
    fresh = served(cast.bob)

    assert "Toy Story" in titles(stale)
    assert "Toy Story" not in titles(fresh)
    assert fresh["recommendation_id"] != stale["recommendation_id"]
    assert served(cast.bob) == fresh


def test_an_expired_token_does_not_revalidate_an_old_list(cast):
    act(cast, cast.bob, "Heat", "like")
    first = served(cast.bob)
    get_redis_connection("default").delete(user_token_key(cast.bob.pk))

    assert served(cast.bob)["recommendation_id"] != first["recommendation_id"]


@pytest.fixture
def _redis_away(monkeypatch):
    def away(alias: str):
        raise RedisConnectionError("gone")

    monkeypatch.setattr(list_cache, "get_redis_connection", away)
    monkeypatch.setattr(version_tokens, "get_redis_connection", away)
    yield
    version_tokens._pending.clear()


def test_a_hung_redis_is_waited_for_only_once(cast, monkeypatch):
    monkeypatch.setattr(list_cache, "lookup", lambda user_id, **_: Lookup(lock_token=""))
    asked = []
    monkeypatch.setattr(gather, "catalogue_token", lambda: asked.append(None))

    assert served(cast.bob)["items"]
    assert asked == []


@pytest.mark.usefixtures("_redis_away")
def test_with_redis_away_lists_are_computed_and_change_at_once(cast):
    first = served(cast.bob)
    act(cast, cast.bob, "Heat", "like")
    second = served(cast.bob)

    assert len(first["items"]) == 9
    assert titles(second)[0] == "Casino"
    assert Interaction.objects.count() == 1

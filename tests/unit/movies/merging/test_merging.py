"""Merging a duplicate: what moves, what stays, and what is refused."""

import pytest
from django.core.exceptions import ValidationError
from django.db import connection, connections
from django_redis import get_redis_connection

from events.models import Interaction, MergedRating, Rating, Tag
from events.training_data import training_data_read
from movies.caching.version_tokens import CATALOGUE, token_key
from movies.db.advisory_locks import _NAMESPACE, _key
from movies.imports.lock import IMPORT_LOCK
from movies.merging import services
from movies.merging.models import MergedRows, MovieMerge
from movies.merging.services import merge_plan, merges_run_waiting
from movies.models import Credit, DatasetMovie, Movie, Person
from recommendations.models import CuratedRow, CuratedRowMovie, MovieEmbedding
from tests.factories import make_movie, make_user
from tests.unit.movies.merging.rows import day, did, merge, rated, ratings_of


@pytest.fixture
def twins(cast):
    """A duplicate of Heat, and Heat."""
    return make_movie("Heat (US)", 1990), cast["Heat"]


def test_ratings_follow_and_the_newer_one_counts(cast, twins):
    double, heat = twins
    dora = make_user()
    for user, of_double, of_heat in ((cast.alice, 3, 2), (cast.bob, 1, 4)):
        rated(user, double, 1.0, of_double)
        rated(user, heat, 5.0, of_heat)
    rated(cast.carol, double, 4.0, 9)
    rated(dora, heat, 2.0, 9)

    done = merge(double, heat)

    assert ratings_of(heat) == {
        cast.alice.pk: (1.0, day(3)),
        cast.bob.pk: (5.0, day(4)),
        cast.carol.pk: (4.0, day(9)),
        dora.pk: (2.0, day(9)),
    }
    assert ratings_of(double) == {}
    assert (done.state, done.moved["events_rating"]) == ("done", 3)


def test_events_and_tags_follow(cast, twins):
    double, heat = twins
    for kind in ("view", "hide", "watchlist"):
        did(cast.alice, double, kind)
    did(cast.alice, cast["Alien"], "view")
    Tag.objects.create(user=cast.alice, movie=double, text="slow")
    for movie in twins:
        Tag.objects.create(user=cast.alice, movie=movie, text="loud")

    merge(double, heat)

    assert set(Interaction.objects.filter(movie=heat).values_list("kind", flat=True)) == {"view", "hide", "watchlist"}
    assert not Interaction.objects.filter(movie=double).exists()
    assert Interaction.objects.filter(movie=cast["Alien"]).count() == 1
    assert sorted(Tag.objects.filter(movie=heat).values_list("text", flat=True)) == ["loud", "slow"]


def test_the_duplicate_leaves_the_catalogue_and_lists(cast, twins, client):
    double, heat = twins
    before = MovieEmbedding.objects.count()
    merge(double, heat)

    double.refresh_from_db()
    assert (double.status, double.merged_into_id, double.title) == ("merged", heat.pk, "Heat (US)")
    heat.refresh_from_db()
    assert (heat.status, heat.title) == ("published", "Heat")
    listed = client.get("/api/movies/?search=heat").json()["items"]
    assert [movie["id"] for movie in listed] == [heat.pk]
    assert MovieEmbedding.objects.count() == before


def test_training_sees_the_target_alone(cast, twins):
    double, heat = twins
    rated(cast.alice, double, 4.0, 1)
    did(cast.bob, double, "view")
    merge(double, heat)

    assert set(training_data_read().movie_ids.tolist()) == {heat.pk}


def test_ids_in_data_sets_and_curated_rows_follow(cast, twins):
    double, heat = twins
    for dataset, movie, number in (("one", double, 1), ("two", double, 2), ("two", heat, 3)):
        DatasetMovie.objects.create(dataset=dataset, dataset_movie_id=number, movie=movie)
    mixed, own = (CuratedRow.objects.create(name=name, title=name) for name in ("mixed", "own"))
    for row, movie in ((mixed, double), (mixed, heat), (own, double)):
        CuratedRowMovie.objects.create(row=row, movie=movie)

    merge(double, heat)

    assert dict(DatasetMovie.objects.values_list("dataset_movie_id", "movie_id")) == {
        1: heat.pk,
        2: double.pk,
        3: heat.pk,
    }
    assert [entry.movie_id for entry in own.entries.all()] == [heat.pk]
    assert sorted(entry.movie_id for entry in mixed.entries.all()) == sorted([double.pk, heat.pk])


def test_the_target_takes_only_what_it_lacks(cast):
    person = Person.objects.create(name="Michael Mann")
    double = make_movie("Heat II", 1990, ["Drama"], overview="A heist.", movielens_id=6, imdb_id="tt2", tmdb_id=5)
    Credit.objects.create(movie=double, person=person, role="director")
    heat = cast["Heat"]
    Movie.objects.filter(pk=heat.pk).update(imdb_id="tt1")

    done = merge(double, heat)

    heat.refresh_from_db()
    double.refresh_from_db()
    assert (heat.overview, heat.movielens_id, heat.imdb_id, heat.tmdb_id) == ("A heist.", 6, "tt1", 5)
    assert (double.movielens_id, double.imdb_id) == (None, "tt2")
    assert [genre.name for genre in heat.genres.all()] == ["Crime"]
    assert [credit.person for credit in heat.credits.all()] == [person]
    assert "imdb_id" not in done.filled["fields"]


def test_lists_are_stale_after_the_commit(cast, twins, django_capture_on_commit_callbacks):
    redis = get_redis_connection("default")
    before = redis.get(token_key(CATALOGUE))
    with django_capture_on_commit_callbacks(execute=True):
        merge(*twins)
        assert redis.get(token_key(CATALOGUE)) == before

    assert redis.get(token_key(CATALOGUE)) != before


def test_a_merge_is_refused_with_the_reason(cast, twins):
    double, heat = twins
    other = make_movie()
    with pytest.raises(ValidationError, match="into itself"):
        merge(heat, heat)
    with pytest.raises(ValidationError, match="Say why"):
        merge(double, heat, reason="  ")
    with pytest.raises(ValidationError, match="There is no movie"):
        services.merge_request(duplicate_id=10**9, target_id=heat.pk, reason="x")
    merge(double, heat)
    with pytest.raises(ValidationError, match="already"):
        merge(double, other)
    with pytest.raises(ValidationError, match=f"movie {double.pk} is merged into movie {heat.pk}".capitalize()):
        merge(other, double)

    assert MovieMerge.objects.count() == 1
    assert Movie.objects.get(pk=other.pk).status == "published"


def test_a_chain_leads_to_the_last_movie(cast, twins):
    double, heat = twins
    casino = cast["Casino"]
    rated(cast.alice, double, 4.0, 1)
    merge(double, heat)
    merge(heat, casino)

    assert Movie.objects.get(pk=double.pk).merged_into_id == casino.pk
    assert ratings_of(casino) == {cast.alice.pk: (4.0, day(1))}


def test_the_plan_counts_and_changes_nothing(cast, twins):
    double, heat = twins
    rated(cast.alice, double, 4.0, 1)
    did(cast.alice, double, "view")
    plan = merge_plan(duplicate_id=double.pk, target_id=heat.pk)

    assert ("ratings", 1, 0) in plan.counts
    assert ("events", 1, 0) in plan.counts
    assert plan.rows == 2
    assert not plan.in_background
    assert Movie.objects.get(pk=double.pk).status == "published"


def test_a_large_merge_waits_for_the_background(cast, twins, monkeypatch):
    double, heat = twins
    rated(cast.alice, double, 4.0, 1)
    monkeypatch.setattr(services, "MAX_IN_REQUEST", 0)
    waiting = merge(double, heat)

    assert waiting.state == "requested"
    assert ratings_of(heat) == {}
    with pytest.raises(ValidationError, match="under way"):
        merge(double, cast["Casino"])
    assert merges_run_waiting() == 1
    waiting.refresh_from_db()
    assert waiting.state == "done"
    assert ratings_of(heat) == {cast.alice.pk: (4.0, day(1))}
    services.merge_undo_request(merge_id=waiting.pk)
    assert ratings_of(double) == {}
    assert merges_run_waiting() == 1
    assert ratings_of(double) == {cast.alice.pk: (4.0, day(1))}
    assert merges_run_waiting() == 0


def test_a_waiting_merge_that_cannot_be_fails(cast, twins, monkeypatch):
    double, heat = twins
    monkeypatch.setattr(services, "MAX_IN_REQUEST", -1)
    waiting = merge(double, heat)
    monkeypatch.undo()
    merge(heat, cast["Casino"])
    merges_run_waiting()

    waiting.refresh_from_db()
    assert waiting.state == "failed"
    assert "is merged into" in waiting.error
    assert Movie.objects.get(pk=double.pk).status == "published"


def test_ids_of_moved_rows_are_kept_in_chunks(cast, twins):
    double, heat = twins
    did(cast.alice, double, "view")
    did(cast.bob, double, "view")
    done = merge(double, heat)

    (chunk,) = MergedRows.objects.filter(merge=done)
    assert (chunk.table, len(chunk.ids)) == ("events_interaction", 2)


def test_deleting_a_person_deletes_their_old_ratings(cast, twins):
    rated(cast.alice, twins[0], 4.0, 1)
    merge(*twins)
    cast.alice.delete()

    assert not MergedRating.objects.exists()
    assert not Rating.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_a_merge_waits_for_an_import(monkeypatch):
    heat, double = make_movie("Heat"), make_movie("Heat (US)")
    imports = connections.create_connection("default")
    imports.settings_dict = {**connection.settings_dict}
    monkeypatch.setattr(services, "MAX_IN_REQUEST", -1)
    waiting = merge(double, heat)
    try:
        with imports.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_lock(%s, %s)", [_NAMESPACE, _key(IMPORT_LOCK)])
            assert merges_run_waiting() == 0
            monkeypatch.undo()
            with pytest.raises(ValidationError, match="An import"):
                merge(make_movie("Third"), heat)
            # Closing alone would free it only after a while.
            cursor.execute("SELECT pg_advisory_unlock(%s, %s)", [_NAMESPACE, _key(IMPORT_LOCK)])
    finally:
        imports.close()

    assert MovieMerge.objects.get().state == "requested"
    assert merges_run_waiting() == 1
    waiting.refresh_from_db()
    assert waiting.state == "done"

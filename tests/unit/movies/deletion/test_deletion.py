"""Deleting a movie: hidden at once, gone with all its rows, in batches where there are many."""

import pytest
from django.core.exceptions import ValidationError

from events.models import Interaction, Rating
from movies.deletion import services
from movies.deletion.services import deletion_counts, deletions_run, movie_delete
from movies.models import Movie, MovieDeletion
from movies.services import movies_publish
from recommendations.models import CuratedRow, CuratedRowMovie, MovieEmbedding, PopularMovie
from tests.factories import make_movie, make_user
from tests.unit.movies.merging.rows import did, merge, rated


@pytest.fixture
def heat(cast) -> Movie:
    """A movie with rows in many tables."""
    heat = cast["Heat"]
    for user in (cast.alice, cast.bob, cast.carol):
        rated(user, heat, 4.0, 1)
        did(user, heat, "view")
    row = CuratedRow.objects.create(name="row", title="Row")
    CuratedRowMovie.objects.create(row=row, movie=heat)
    merge(make_movie("Heat (US)"), heat)
    return heat


def test_a_small_movie_is_gone_at_once(cast, heat):
    rated(cast.alice, cast["Casino"], 2.0, 1)
    done = movie_delete(movie_id=heat.pk, user=cast.stan)

    assert (done.title, done.percent, done.requested_by) == ("Heat (1990)", 100, cast.stan)
    assert not Movie.objects.filter(title__startswith="Heat").exists()
    assert Rating.objects.get().movie == cast["Casino"]
    assert not Interaction.objects.exists()
    assert not MovieEmbedding.objects.filter(movie_id=heat.pk).exists()
    assert PopularMovie.objects.filter(genre=None).count() == 8


def test_a_large_movie_is_hidden_and_goes_in_batches(cast, heat, monkeypatch):
    monkeypatch.setattr(services, "MAX_AT_ONCE", 0)
    monkeypatch.setattr(services, "BATCH", 2)
    waiting = movie_delete(movie_id=heat.pk)

    assert Movie.objects.get(pk=heat.pk).status == "hidden"
    assert Rating.objects.count() == 3
    assert movie_delete(movie_id=heat.pk) == waiting
    assert deletions_run(seconds=0) == 0
    assert deletions_run() > 6
    waiting.refresh_from_db()
    assert waiting.percent == 100
    assert not Movie.objects.filter(pk=heat.pk).exists()
    assert not Rating.objects.exists()
    assert deletions_run() == 0


def test_progress_is_stored_between_runs(cast, heat, monkeypatch):
    monkeypatch.setattr(services, "MAX_AT_ONCE", 0)
    waiting = movie_delete(movie_id=heat.pk)
    services._delete_batch(waiting, next(one for one in services._in_batches() if one.table == "events_rating"))

    waiting.refresh_from_db()
    assert waiting.deleted == 3
    assert 0 < waiting.percent < 100
    assert Movie.objects.filter(pk=heat.pk).exists()


def test_what_is_being_deleted_is_neither_published_nor_merged(cast, heat, monkeypatch):
    monkeypatch.setattr(services, "MAX_AT_ONCE", 0)
    movie_delete(movie_id=heat.pk)

    assert movies_publish(movie_ids=[heat.pk]) == 0
    with pytest.raises(ValidationError, match="being deleted"):
        merge(heat, cast["Casino"])
    with pytest.raises(ValidationError, match="being deleted"):
        merge(cast["Casino"], heat)


def test_counts_name_what_goes(cast, heat):
    rated(make_user(), heat, 1.0, 1)
    counts = dict(deletion_counts(movie_ids=[heat.pk, cast["Casino"].pk]))

    assert (counts["ratings"], counts["events"], counts["curated rows"]) == (4, 3, 1)
    assert "tags" not in counts


def test_a_movie_that_does_not_exist_is_refused(db):
    with pytest.raises(ValidationError, match="There is no movie"):
        movie_delete(movie_id=10**9)
    assert not MovieDeletion.objects.exists()

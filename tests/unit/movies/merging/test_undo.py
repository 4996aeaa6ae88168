"""Undoing a merge: all goes back, what came later stays, and what contradicts is named."""

import pytest
from django.core.exceptions import ValidationError

from events.models import Interaction, MergedRating, Rating, Tag
from events.services import interaction_record
from movies.merging.models import MergedRows
from movies.merging.services import merge_undo_request
from movies.models import Credit, DatasetMovie, Movie, Person
from recommendations.models import CuratedRow, CuratedRowMovie
from tests.factories import make_movie
from tests.unit.movies.merging.rows import day, did, merge, rated, ratings_of


@pytest.fixture
def twins(cast):
    """A duplicate of Heat with facts of its own, and Heat."""
    double = make_movie("Heat (US)", 1990, ["Drama"], overview="A heist.", movielens_id=6, imdb_id="tt2")
    Credit.objects.create(movie=double, person=Person.objects.create(name="Michael Mann"), role="director")
    return double, cast["Heat"]


def snapshot(*movies: Movie) -> list:
    """All that a merge may change of the movies."""
    models = (Rating, Interaction, Tag, DatasetMovie, Credit, CuratedRowMovie, Movie.genres.through)
    rows = [
        sorted(map(tuple, model.objects.filter(movie__in=movies).values_list()), key=str)
        if model is not Rating
        else sorted(model.objects.filter(movie__in=movies).values_list("user_id", "movie_id", "value", "rated_at"))
        for model in models
    ]
    left_out = {"content_changed_at", "search_document"}
    fields = [field.name for field in Movie._meta.concrete_fields if field.name not in left_out]
    return [rows, list(Movie.objects.order_by("pk").values_list(*fields))]


def test_undoing_puts_all_back(cast, twins):
    double, heat = twins
    rated(cast.alice, double, 1.0, 3)
    rated(cast.alice, heat, 5.0, 2)
    rated(cast.bob, double, 2.0, 1)
    rated(cast.bob, heat, 3.0, 4)
    rated(cast.carol, double, 4.0, 9)
    did(cast.alice, double, "view")
    did(cast.alice, heat, "like")
    Tag.objects.create(user=cast.alice, movie=double, text="slow")
    DatasetMovie.objects.create(dataset="one", dataset_movie_id=1, movie=double)
    row = CuratedRow.objects.create(name="row", title="Row")
    CuratedRowMovie.objects.create(row=row, movie=double)
    before = snapshot(double, heat)
    done = merge(double, heat)
    assert snapshot(double, heat) != before

    merge_undo_request(merge_id=done.pk, user=cast.stan)

    assert snapshot(double, heat) == before
    done.refresh_from_db()
    assert (done.state, done.undone_by) == ("undone", cast.stan)
    assert not MergedRows.objects.exists()
    assert not MergedRating.objects.exists()
    assert merge(double, heat).state == "done"


def test_what_came_after_the_merge_stays(cast, twins):
    double, heat = twins
    rated(cast.alice, double, 1.0, 3)
    did(cast.alice, double, "view")
    done = merge(double, heat)
    interaction_record(user=cast.alice, movie_id=heat.pk, kind="rating", value=4.5)
    interaction_record(user=cast.bob, movie_id=double.pk, kind="like")

    merge_undo_request(merge_id=done.pk)

    assert ratings_of(heat)[cast.alice.pk][0] == 4.5
    assert ratings_of(double) == {cast.alice.pk: (1.0, day(3))}
    assert Interaction.objects.get(kind="like").movie == heat
    assert Interaction.objects.get(kind="view").movie == double


def test_a_rating_taken_back_since_does_not_return(cast, twins):
    double, heat = twins
    interaction_record(user=cast.alice, movie_id=double.pk, kind="rating", value=2.0)
    done = merge(double, heat)
    interaction_record(user=cast.alice, movie_id=heat.pk, kind="rating", undo=True)
    assert ratings_of(heat) == {}

    merge_undo_request(merge_id=done.pk)

    assert ratings_of(heat) == ratings_of(double) == {}


def test_a_chain_is_undone_from_its_end(cast, twins):
    double, heat = twins
    casino = cast["Casino"]
    rated(cast.alice, double, 1.0, 3)
    first, second = merge(double, heat), merge(heat, casino)

    with pytest.raises(ValidationError, match=f"Undo merge {second.pk} first"):
        merge_undo_request(merge_id=first.pk)
    merge_undo_request(merge_id=second.pk)
    assert Movie.objects.get(pk=double.pk).merged_into_id == heat.pk
    assert ratings_of(heat) == {cast.alice.pk: (1.0, day(3))}
    merge_undo_request(merge_id=first.pk)

    assert ratings_of(double) == {cast.alice.pk: (1.0, day(3))}
    assert not Movie.objects.filter(status="merged").exists()


def test_a_later_merge_into_the_same_movie_comes_first(cast, twins):
    double, heat = twins
    first, second = merge(double, heat), merge(cast["Casino"], heat)

    with pytest.raises(ValidationError, match=f"Undo merge {second.pk} first"):
        merge_undo_request(merge_id=first.pk)
    assert Movie.objects.get(pk=double.pk).merged_into_id == heat.pk


def test_an_id_given_away_since_contradicts(cast, twins):
    double, heat = twins
    done = merge(double, heat)
    Movie.objects.filter(pk=heat.pk).update(movielens_id=None)
    taker = make_movie("Other", movielens_id=6)
    with pytest.raises(ValidationError, match=f"belongs to movie {taker.pk}"):
        merge_undo_request(merge_id=done.pk)

    assert Movie.objects.get(pk=double.pk).status == "merged"


def test_what_staff_edited_since_stays(cast, twins):
    double, heat = twins
    done = merge(double, heat)
    Movie.objects.filter(pk=heat.pk).update(overview="Edited.")
    merge_undo_request(merge_id=done.pk)

    heat.refresh_from_db()
    assert (heat.overview, heat.movielens_id) == ("Edited.", None)


def test_a_merge_is_undone_once(cast, twins):
    done = merge(*twins)
    merge_undo_request(merge_id=done.pk)
    with pytest.raises(ValidationError, match="nothing to undo"):
        merge_undo_request(merge_id=done.pk)

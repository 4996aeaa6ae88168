"""A sheet does not change merged movies, nor those being deleted, and its rows find those that remain."""

import pytest

from movies.models import Movie, MovieDeletion
from tests.factories import make_movie, make_user
from tests.unit.movies.merging.rows import merge
from tests.unit.movies.sheets.test_import import confirm, errors_of, preview


@pytest.fixture
def staff(client, db):
    client.force_login(make_user(is_staff=True, is_superuser=True))
    return client


@pytest.fixture
def twins(db) -> tuple[Movie, Movie]:
    return make_movie("Heat (US)", 1990, movielens_id=6, imdb_id="tt0113277"), make_movie("Heat", 1995, movielens_id=7)


def titles() -> set[str]:
    return set(Movie.objects.values_list("title", flat=True))


@pytest.mark.parametrize("column", ["id", "movielens_id"])
def test_a_row_of_a_merged_movie_is_refused_by_its_number(staff, twins, column):
    double, heat = twins
    merge(double, heat)
    page = preview(staff, f"{column},title\n{getattr(heat, column)},Hot\n{getattr(double, column)},Hotter\n")

    assert errors_of(page) == [(3, column, f"Movie {double.pk} is merged into movie {heat.pk}.")]
    assert titles() == {"Heat", "Heat (US)"}


def test_an_id_of_both_finds_the_one_that_remains(staff, twins):
    double, heat = twins
    merge(double, heat)
    assert Movie.objects.filter(imdb_id="tt0113277").count() == 2

    confirm(staff, preview(staff, "imdb_id,title\ntt0113277,Hot\n"))

    assert titles() == {"Hot", "Heat (US)"}


def test_a_merge_after_the_preview_stops_the_import(staff, twins):
    double, heat = twins
    page = preview(staff, f"id,title\n{heat.pk},Hot\n{double.pk},Hotter\n")
    merge(double, heat)
    answer = confirm(staff, page)

    assert errors_of(answer) == [(3, "id", f"Movie {double.pk} is merged into movie {heat.pk}.")]
    assert titles() == {"Heat", "Heat (US)"}


def test_a_movie_that_is_being_deleted_is_not_published(staff, db):
    movie = make_movie("Going", status="hidden")
    MovieDeletion.objects.create(movie_id=movie.pk, title="Going", rows=5_000)

    page = preview(staff, f"id,status\n{movie.pk},published\n")

    assert errors_of(page) == [(2, "id", f"Movie {movie.pk} is being deleted.")]
    assert Movie.objects.get(pk=movie.pk).status == "hidden"

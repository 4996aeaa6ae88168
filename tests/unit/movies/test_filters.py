"""One filter for the catalogue, the search and the lists."""

import pytest
from django.core.exceptions import ValidationError

from movies.filters import MovieFilter
from movies.models import Credit, Movie, Person
from tests.factories import make_genre, make_movie

FIELDS = [
    {"title": "amelie"},
    {"genre_id": "crime"},
    {"genres": ("crime", "war")},
    {"year": 2001},
    {"year_from": 2001},
    {"year_to": 2001},
    {"language": "FR"},
    {"max_runtime": 100},
]


@pytest.fixture
def movies(db):
    """One movie that passes every filter of FIELDS, one that passes none, and one that would but is not published."""
    right = {"year": 2001, "genres": ["Crime", "War"], "language": "fr", "runtime_minutes": 100}
    made = {
        "right": make_movie("Amélie", **right),
        "hidden": make_movie("Amélie hidden", status=Movie.Status.HIDDEN, **right),
        "early": make_movie("Early", 2000, ["Drama"], language="en", runtime_minutes=101),
        "late": make_movie("Late", 2002, ["Drama"], language="en", runtime_minutes=None),
    }
    person = Person.objects.create(name="Somebody")
    Credit.objects.bulk_create(
        Credit(movie=movie, person=person, role=Credit.Role.CAST, position=0) for movie in made.values()
    )
    return made


def filter_of(given: dict) -> MovieFilter:
    return MovieFilter(**given | ({"genre_id": make_genre("Crime").pk} if "genre_id" in given else {}))


def ids_of(movie_filter: MovieFilter) -> list[int]:
    return [movie_id for row in movie_filter.movie_ids() for movie_id in row.values()]


@pytest.mark.parametrize("given", FIELDS, ids=lambda given: next(iter(given)))
def test_each_field_restricts_movies_and_what_refers_to_them(movies, given):
    movie_filter = filter_of(given)
    passing = set(movie_filter.movies())

    assert movies["right"] in passing
    assert movies["hidden"] not in passing
    assert passing < {movies["right"], movies["early"], movies["late"]}
    assert movie_filter.narrows
    assert {credit.movie for credit in Credit.objects.filter(movie_filter.condition("movie__"))} == passing
    assert set(ids_of(movie_filter)) - {movies["hidden"].pk} == {movie.pk for movie in passing}


def test_without_fields_every_published_movie_passes(movies):
    assert not MovieFilter().narrows
    assert set(ids_of(MovieFilter())) == {movie.pk for name, movie in movies.items() if name != "hidden"}


def test_a_movie_of_two_of_the_genres_comes_once(movies):
    either = MovieFilter(genres=("crime", "war"))

    assert list(either.movies()) == [movies["right"]]
    assert sorted(ids_of(either)) == [movies["right"].pk, movies["hidden"].pk]


@pytest.mark.parametrize(
    ("given", "named"),
    [({"genres": ("crime", "nope")}, "genre"), ({"year_from": 2002, "year_to": 2001}, "year_from")],
)
def test_what_nothing_can_pass_is_an_error_that_names_it(movies, given, named):
    MovieFilter(genres=("crime",), year_from=2001, year_to=2001).check()

    with pytest.raises(ValidationError) as error:
        MovieFilter(**given).check()
    assert list(error.value.message_dict) == [named]

"""Staff find movies of every status, whatever they type."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from movies.admin.search import movies_found, people_found
from movies.models import Credit, Movie, Person
from tests.factories import make_movie

CHANGELIST = "/admin/movies/movie/"


@pytest.fixture
def films(db) -> dict[str, Movie]:
    return {
        "toys": make_movie("Toy Story", 1995, movielens_id=1, imdb_id="tt0114709", tmdb_id=862),
        "prison": make_movie(
            "The Shawshank Redemption", 1994, status="hidden", movielens_id=318, imdb_id="tt0111161", tmdb_id=278
        ),
        "remake": make_movie("The Shawshank Redemption", 2030, status="draft"),
        "future": make_movie("Blade Runner 2049", 2017),
        "war": make_movie("1917", 2019),
        "sisters": make_movie("Les Sœurs", 2001, status="draft"),
    }


def found(typed: str) -> list[int]:
    return [movie.pk for movie in movies_found(Movie.objects.all(), typed)]


@pytest.mark.parametrize(
    ("typed", "first"),
    [
        ("toy stroy", "toys"),
        ("tt0111161", "prison"),
        ("TMDB:278", "prison"),
        ("movielens:318", "prison"),
        ("318", "prison"),
        ("1994 shawshank", "prison"),
        ("shawshank (1994)", "prison"),
        ("shawshank 2030", "remake"),
        ("blade runner 2049", "future"),
        ("1917", "war"),
        ("soeurs", "sisters"),
        ("hawshan", "prison"),
    ],
)
def test_a_forgiving_search_finds_the_movie_first(films, typed, first):
    assert found(typed)[0] == films[first].pk


@pytest.mark.parametrize("typed", ["tt9999999", "tmdb:99999999999", "id:0"])
def test_an_unknown_id_finds_nothing(films, typed):
    assert found(typed) == []


def test_an_id_of_this_catalogue_finds_its_movie_alone(films):
    assert found(f"id:{films['war'].pk}") == [films["war"].pk]


def test_a_year_leaves_out_the_film_of_another_year(films):
    assert films["remake"].pk not in found("shawshank 1994")


@pytest.mark.parametrize("typed", ["", "   ", "\x00"])
def test_a_search_without_letters_shows_all(films, typed):
    assert len(found(typed)) == len(films)


@pytest.mark.parametrize("typed", ["'", "%_\\", "a" * 5000, "((( | &", "٣٣٣", "-", "0" * 60, "🎬", "id:", "tt", '"'])
def test_no_text_breaks_the_search(films, typed):
    assert isinstance(found(typed), list)


def test_matches_within_a_filter_only(films):
    hidden = Movie.objects.filter(status="hidden")

    assert [movie.pk for movie in movies_found(hidden, "shawshank")] == [films["prison"].pk]
    assert not movies_found(hidden, "toy story")


def test_the_list_shows_the_best_match_first(cast, films, client):
    client.force_login(cast.stan)
    make_movie("A Toy Story of My Own Made for a Story", 1990)
    titles = [movie.title for movie in client.get(CHANGELIST, {"q": "toy story"}).context["cl"].result_list]

    assert titles[0] == "Toy Story"
    assert "Heat" not in titles


def test_a_sorted_column_keeps_its_order(cast, films, client):
    client.force_login(cast.stan)
    shown = client.get(CHANGELIST, {"q": "shawshank", "o": "-2"}).context["cl"].result_list

    assert [movie.year for movie in shown][:2] == [2030, 1994]


def test_autocompletes_search_in_the_same_way(cast, films, client):
    client.force_login(cast.stan)
    fields = {"app_label": "recommendations", "model_name": "curatedrow", "field_name": "movies"}
    results = client.get("/admin/autocomplete/", {"term": "shawshenk 1994", **fields}).json()["results"]

    assert results[0]["id"] == str(films["prison"].pk)


def test_a_search_costs_few_queries(cast, films, client):
    client.force_login(cast.stan)
    with CaptureQueriesContext(connection) as queries:
        client.get(CHANGELIST, {"q": "toy stroy 1995"})

    assert len(queries) <= 15


def test_people_are_found_in_spite_of_errors(films):
    person = Person.objects.create(name="Frank Darabont", imdb_id="nm0001104")
    Credit.objects.create(movie=films["prison"], person=person, role="director")

    for typed in ("darabont", "Drabont Frank", "NM0001104"):
        assert [one.pk for one in people_found(Person.objects.all(), typed)] == [person.pk], typed
    assert films["prison"].pk in found("darabont")

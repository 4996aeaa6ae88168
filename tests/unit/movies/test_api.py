"""The open catalogue over HTTP."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from movies.models import Credit, Movie, MovieCertificate, Person
from tests.factories import make_movie

LIST = "/api/movies/"


def titles(response) -> list[str]:
    return [movie["title"] for movie in response.data["items"]]


def test_search_finds_a_part_of_a_title_in_any_case(cast, api_client):
    response = api_client.get(LIST, {"search": "aLiEn"})

    assert response.status_code == 200
    assert titles(response) == ["Alien", "Aliens"]
    assert response.data["items"][0] == {
        "id": cast["Alien"].pk,
        "title": "Alien",
        "year": 1990,
        "runtime_minutes": None,
        "language": "",
        "imdb_id": "",
        "tmdb_id": None,
        "poster_url": "",
        "genres": [{"name": "Sci-Fi", "slug": "sci-fi"}],
    }


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"genre": "family"}, ["Aladdin", "Babe", "Toy Story"]),
        ({"year": "1991", "genre": "sci-fi"}, ["Aliens"]),
        ({"year_from": "1992"}, ["Aladdin", "Blade Runner", "Goodfellas"]),
        ({"year_to": "1991", "search": "a"}, ["Alien", "Aliens", "Babe", "Casino", "Heat"]),
        ({"search": "100%"}, []),
        ({"year": "9999"}, []),
    ],
)
def test_filters_narrow_the_catalogue(cast, api_client, query, found):
    assert titles(api_client.get(LIST, query)) == found


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("genre", "no-such-genre"),
        ("year", "abc"),
        ("year", "1995.5"),
        ("year", "0"),
        ("year", "1" * 40),
        ("year_from", "nan"),
        ("year_to", "-1"),
        ("search", "a\x00b"),
        ("search", "x" * 101),
        ("page_size", "0"),
        ("page_size", "101"),
        ("page_size", "many"),
        ("page_size", "1\x00"),
    ],
)
def test_a_bad_filter_is_an_error_that_names_it(cast, api_client, name, value):
    response = api_client.get(LIST, {name: value})

    assert response.status_code == 400
    assert name in str(response.json())


def test_pages_cover_everything_once(cast, api_client):
    for _ in range(3):
        make_movie("Heat", 1990)
    seen: list[int] = []
    query = {"page_size": 5}
    while True:
        page = api_client.get(LIST, query).data
        seen += [movie["id"] for movie in page["items"]]
        if page["next_cursor"] is None:
            break
        query["cursor"] = page["next_cursor"]

    assert len(seen) == len(set(seen)) == 12


@pytest.mark.parametrize("status", [Movie.Status.HIDDEN, Movie.Status.DRAFT])
def test_only_published_movies_are_shown(cast, api_client, status):
    Movie.objects.filter(pk=cast["Heat"].pk).update(status=status)

    assert titles(api_client.get(LIST, {"search": "heat"})) == []
    assert api_client.get(f"{LIST}{cast['Heat'].pk}/").status_code == 404


def test_a_list_costs_two_queries_however_long_it_is(cast, api_client):
    for number in range(40):
        make_movie(f"Extra {number}", genres=["Crime", "Drama"])

    with CaptureQueriesContext(connection) as queries:
        response = api_client.get(LIST, {"page_size": 50})

    assert len(response.data["items"]) == 49
    assert len(queries) == 2


def test_a_movie_tells_its_people_in_billing_order(cast, api_client):
    heat = cast["Heat"]
    Movie.objects.filter(pk=heat.pk).update(overview="A thief and a detective.", runtime_minutes=170, language="en")
    mann, pacino, de_niro = (Person.objects.create(name=name) for name in ("Mann", "Pacino", "De Niro"))
    Credit.objects.create(movie=heat, person=de_niro, role="cast", position=1)
    Credit.objects.create(movie=heat, person=pacino, role="cast", position=0)
    Credit.objects.create(movie=heat, person=mann, role="director", position=0)

    with CaptureQueriesContext(connection) as queries:
        movie = api_client.get(f"{LIST}{heat.pk}/").data

    assert len(queries) == 4
    assert movie["people"][0] == {"id": mann.pk, "name": "Mann", "role": "director"}
    assert [(person["name"], person["role"]) for person in movie["people"][1:]] == [
        ("Pacino", "cast"),
        ("De Niro", "cast"),
    ]
    assert (movie["overview"], movie["runtime_minutes"], movie["language"]) == ("A thief and a detective.", 170, "en")


@pytest.mark.parametrize("movie_id", ["0", "999999", "9" * 19, "9" * 60])
def test_an_unknown_movie_is_not_found(cast, api_client, movie_id):
    assert api_client.get(f"{LIST}{movie_id}/").status_code == 404


def test_the_page_of_a_movie_has_its_certificates_by_country(cast, api_client):
    for country, certificate in (("US", "R"), ("DE", "16")):
        MovieCertificate.objects.create(movie=cast["Heat"], country=country, certificate=certificate)
    shown = api_client.get(f"/api/movies/{cast['Heat'].pk}/").json()

    assert shown["certificates"] == [{"country": "DE", "certificate": "16"}, {"country": "US", "certificate": "R"}]
    assert api_client.get(f"/api/movies/{cast['Casino'].pk}/").json()["certificates"] == []

"""A search finds a name in whatever form it is typed: decomposed, without accents, full-width, with stray marks."""

# ruff: noqa: RUF001 -- letters that look like others are what this is about.

import unicodedata

import pytest
from django.test import Client

from events.models import Rating
from movies.models import Credit, Movie, Person
from recommendations.api.query import list_query
from tests.factories import make_movie, make_popular

SEARCH = "/api/movies/search/"


@pytest.fixture
def staff(cast, client) -> Client:
    client.force_login(cast.stan)
    return client


@pytest.fixture
def catalogue(db) -> None:
    jose = Person.objects.create(name="José Ferrer")
    for title, year, overview in (
        ("Amélie", 2001, "A waitress in Montmartre, naïve and shy."),
        ("Amelia", 2009, "A pilot vanishes over the ocean."),
        ("Cyrano de Bergerac", 1950, "A poet duels."),
        ("Ocean’s Eleven", 2001, "Thieves empty a casino."),
        ("Смерть", 1999, "Ёлка в лесу."),
    ):
        make_movie(title, year, overview=overview)
    Credit.objects.create(movie=Movie.objects.get(year=1950), person=jose, role="cast", position=0)


def titles(response, key: str = "items") -> list[str]:
    assert response.status_code == 200, response.content
    return [item.get("movie", item)["title"] for item in response.json()[key]]


@pytest.mark.parametrize(
    ("query", "first"),
    [
        ("Amélie", "Amélie"),
        ("amelie", "Amélie"),
        ("ＡＭＥＬＩＥ", "Amélie"),
        ("\ufeffam\u00ade\u0301\u200blie\u00a0", "Amélie"),
        ("José Ferrer", "Cyrano de Bergerac"),
        ("jose ferrer", "Cyrano de Bergerac"),
        ("JOSÉ", "Cyrano de Bergerac"),
        ("naive waitress", "Amélie"),
        ("naïve waitress", "Amélie"),
        ("ocean's eleven", "Ocean’s Eleven"),
        ("ocean’s eleven", "Ocean’s Eleven"),
        ("елка", "Смерть"),
    ],
)
def test_a_query_finds_first_in_every_form(catalogue, api_client, query, first):
    forms = {form: titles(api_client.get(SEARCH, {"q": unicodedata.normalize(form, query)})) for form in ("NFC", "NFD")}
    assert forms["NFC"] == forms["NFD"]
    assert forms["NFC"][0] == first


@pytest.mark.parametrize("query", ["\u200b\ufeff", "\u00a0\u200d"])
def test_a_query_of_nothing_visible_is_blank(catalogue, api_client, query):
    response = api_client.get(SEARCH, {"q": query})
    assert response.status_code == 400
    assert "q" in str(response.json())


@pytest.mark.parametrize("search", ["amélie", "AMÉLIE", "ame\u0301l", "ａｍｅｌｉｅ"])
def test_the_catalogue_takes_a_part_of_a_title_in_every_form(catalogue, api_client, search):
    assert "Amélie" in titles(api_client.get("/api/movies/", {"search": search}), "items")


@pytest.mark.parametrize(
    ("page_search", "found"),
    [
        (("movies/movie", "ame\u0301lie 2001"), "Amélie"),
        (("movies/person", "jose"), "José Ferrer"),
        (("movies/person", "JOSE\u0301\u200b"), "José Ferrer"),
        (("movies/genre", "Come\u0301die"), "Comédie"),
        (("events/rating", "ame\u0301lie"), "Amélie"),
        (("recommendations/popularmovie", "amelie"), "Amélie"),
    ],
)
def test_staff_find_a_name_in_every_form(cast, catalogue, staff, page_search, found):
    movie = Movie.objects.get(title="Amélie")
    make_popular([movie, cast["Heat"]], "Comédie")
    for rated in (movie, cast["Heat"]):
        Rating.objects.create(user=cast.alice, movie=rated, value=4.0)
    page, search = page_search
    text = staff.get(f"/admin/{page}/", {"q": search}).text
    table = text[text.find('id="result_list"') :]
    assert found in table
    assert "Heat" not in table.split("</table>")[0]


def test_a_mood_in_another_form_is_the_same_list():
    assert list_query("mood=nai%CC%88ve%E2%80%8B").filters == list_query("mood=na%C3%AFve").filters

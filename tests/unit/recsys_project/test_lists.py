"""One envelope, one card and one ``expand`` for every list of the API, whichever app it is in."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from events.services import interaction_record
from movies.models import Credit, Movie, Person
from movies.services import movies_hide
from tests.factories import Cast, client_of, make_group

EXPAND = "overview,people"
CARD = {"id", "title", "year", "runtime_minutes", "language", "imdb_id", "tmdb_id", "poster_url", "genres"}
PERSONAL = "/api/recommendations/"
GROUP = "/api/recommendations/group/"
SIMILAR = "/api/movies/{movie_id}/similar/"


@dataclass(frozen=True)
class MovieList:
    """How to ask for a list of movies, and where its items have their card. Its answer has Heat in it."""

    path: str
    query: dict[str, Any]
    method: str = "get"
    card: Callable[[dict[str, Any]], dict[str, Any]] = lambda item: item["movie"]

    def ask(self, cast: Cast, **more: Any) -> Any:
        client, path = client_of(cast.alice), self.path.replace("{movie_id}", str(cast["Casino"].pk))
        given = self.query | more
        if self.path == GROUP:
            given["group"] = make_group(cast.alice, cast.bob)
        return client.get(path, given) if self.method == "get" else client.post(path, given, format="json")

    def cards(self, cast: Cast, **more: Any) -> dict[str, dict[str, Any]]:
        response = self.ask(cast, **more)
        assert response.status_code == 200, response.content
        return {card["title"]: card for card in map(self.card, response.json()["items"])}


MOVIE_LISTS = [
    MovieList(PERSONAL, {}),
    MovieList("/api/recommendations/session/", {}, "post"),
    MovieList(GROUP, {}, "post"),
    MovieList("/api/recommendations/popular/", {}),
    MovieList("/api/recommendations/trending/", {}),
    MovieList("/api/recommendations/latest/", {}),
    MovieList("/api/movies/", {}, card=lambda item: item),
    MovieList("/api/movies/search/", {"q": "heat"}),
    MovieList(SIMILAR, {}),
    MovieList("/api/events/", {}),
]
every_list = pytest.mark.parametrize("listed", MOVIE_LISTS, ids=[listed.path for listed in MOVIE_LISTS])


@pytest.fixture
def shown(cast: Cast) -> Cast:
    """The cast, of which Heat has all that a card can show, and is in everybody's lists and in Alice's history."""
    Movie.objects.filter(pk=cast["Heat"].pk).update(
        overview="A thief and a detective.",
        runtime_minutes=170,
        language="en",
        imdb_id="tt0113277",
        tmdb_id=949,
        poster_url="https://images.example.org/heat.jpg",
    )
    people = {name: Person.objects.create(name=name) for name in ("Mann", "Pacino", "De Niro")}
    for name, role, position in (("De Niro", "cast", 1), ("Pacino", "cast", 0), ("Mann", "director", 0)):
        Credit.objects.create(movie=cast["Heat"], person=people[name], role=role, position=position)
    interaction_record(user=cast.alice, movie_id=cast["Heat"].pk, kind="view")
    return cast


def list_operations() -> dict[tuple[str, str], dict[str, Any]]:
    """The schema of what each operation answers that has an array in it, by method and path."""
    schema = Client().get("/api/schema/", HTTP_ACCEPT="application/json").json()
    found = {}
    for path, operations in schema["paths"].items():
        for method, operation in operations.items():
            answer = operation["responses"].get("200", {}).get("content", {}).get("application/json")
            if answer is None:
                continue
            body = answer["schema"]
            if "$ref" in body:
                body = schema["components"]["schemas"][body["$ref"].rpartition("/")[2]]
            if body.get("type") == "array" or {"items", "results"} & body.get("properties", {}).keys():
                found[method, path] = body
    return found


@pytest.mark.django_db
def test_every_list_of_the_schema_has_the_one_envelope():
    operations = list_operations()

    others = {("get", "/api/genres/"), ("get", "/api/groups/"), ("post", "/api/rank/"), ("get", "/api/experiments/")}
    others |= {("get", f"/api/events/{name}/") for name in ("hidden", "watchlist", "continue-watching")}
    others.add(("get", "/api/taste-imports/{import_id}/"))
    assert set(operations) == {(listed.method, listed.path) for listed in MOVIE_LISTS} | others
    for operation, body in operations.items():
        assert body["properties"]["items"]["type"] == "array", operation
        assert body["properties"]["next_cursor"]["nullable"], operation
        assert {"items", "next_cursor"} <= set(body["required"]), operation


@every_list
def test_every_list_answers_in_the_one_envelope(shown, listed):
    answer = listed.ask(shown).json()

    assert isinstance(answer["items"], list)
    assert answer["items"]
    assert answer["next_cursor"] is None
    assert not {"results", "count", "next", "previous"} & answer.keys()


@every_list
def test_every_list_shows_the_whole_card(shown, listed):
    card = listed.cards(shown)["Heat"]

    assert card == {
        "id": shown["Heat"].pk,
        "title": "Heat",
        "year": 1990,
        "runtime_minutes": 170,
        "language": "en",
        "imdb_id": "tt0113277",
        "tmdb_id": 949,
        "poster_url": "https://images.example.org/heat.jpg",
        "genres": [{"name": "Crime", "slug": "crime"}],
    }


@every_list
def test_expand_adds_what_is_asked_for_and_no_more(shown, listed):
    plain, both = listed.cards(shown), listed.cards(shown, expand=EXPAND)

    assert list(both) == list(plain)
    assert both["Heat"]["overview"] == "A thief and a detective."
    assert [(person["name"], person["role"]) for person in both["Heat"]["people"]] == [
        ("Mann", "director"),
        ("Pacino", "cast"),
        ("De Niro", "cast"),
    ]
    assert all((card["overview"], card["people"]) == ("", []) for title, card in both.items() if title != "Heat")
    assert all(card.keys() == CARD | {"overview"} for card in listed.cards(shown, expand="overview").values())
    assert all(card.keys() == CARD | {"people"} for card in listed.cards(shown, expand="people").values())
    assert listed.cards(shown) == plain


@every_list
def test_expand_costs_two_queries_however_long_the_list(shown, listed):
    counts = []
    for more in ({}, {"expand": EXPAND}):
        listed.ask(shown, **more)
        with CaptureQueriesContext(connection) as queries:
            listed.ask(shown, **more)
        counts.append(len(queries))

    assert counts[1] == counts[0] + 2


@every_list
def test_an_unknown_expansion_is_an_error_that_names_the_nearest(shown, listed):
    unknown = {"overveiw": "overview", "overview,cast": "", "people,peeple": "people", "": "", ",": "", "x" * 200: ""}
    for expand, nearest in unknown.items():
        response = listed.ask(shown, expand=expand)

        assert response.status_code == 400
        assert list(response.json()["error"]["fields"]) == ["expand"]
        assert nearest in response.json()["error"]["fields"]["expand"][0]


@every_list
def test_an_edit_without_a_token_shows_in_what_is_expanded(shown, listed):
    listed.cards(shown, expand=EXPAND)
    Movie.objects.filter(pk=shown["Heat"].pk).update(overview="Another text.")
    Credit.objects.filter(role="cast").delete()
    card = listed.cards(shown, expand=EXPAND)["Heat"]

    assert card["overview"] == "Another text."
    assert [person["name"] for person in card["people"]] == ["Mann"]


@every_list
def test_a_hidden_movie_is_never_expanded(shown, listed):
    listed.cards(shown, expand=EXPAND)
    Movie.objects.filter(pk=shown["Heat"].pk).update(status=Movie.Status.HIDDEN)
    card = listed.cards(shown, expand=EXPAND).get("Heat")

    if listed.path == "/api/events/":
        assert {name: value for name, value in card.items() if value} == {"id": shown["Heat"].pk, "title": "Heat"}
    else:
        assert card is None


def test_expand_holds_for_later_pages_and_filtered_lists(shown):
    client = client_of(shown.alice)
    first = client.get(PERSONAL, {"limit": 1, "expand": EXPAND, "genre": "crime"}).json()
    rest = client.get(PERSONAL, {"cursor": first["next_cursor"], "expand": "overview", "genre": "crime"}).json()
    plain = client.get(PERSONAL, {"cursor": first["next_cursor"], "genre": "crime"}).json()

    assert first["items"][0]["movie"]["people"][0]["name"] == "Mann"
    assert [item["movie"]["title"] for item in rest["items"]] == [item["movie"]["title"] for item in plain["items"]]
    assert {tuple(item["movie"].keys() - CARD) for item in rest["items"]} == {("overview",)}
    assert all(item["movie"].keys() == CARD for item in plain["items"])


def test_expand_may_be_given_several_times(shown):
    for path in (PERSONAL, "/api/movies/", "/api/recommendations/popular/"):
        answer = client_of(shown.alice).get(f"{path}?expand=people&expand=overview").json()
        cards = [item.get("movie", item) for item in answer["items"]]
        assert all(card.keys() == CARD | {"overview", "people"} for card in cards)


def test_a_movie_of_its_own_has_its_card_and_the_rest(shown):
    movie = client_of().get(f"/api/movies/{shown['Heat'].pk}/").json()
    listed = client_of().get("/api/movies/", {"search": "heat", "expand": EXPAND}).json()["items"][0]

    more = {"keywords": [], "movielens_id": None, "predicted_rating": None, "availability": [], "certificates": []}
    assert movie == listed | more


def test_genres_count_their_published_movies(cast, api_client):
    movies_hide(movie_ids=[cast["Heat"].pk, *Movie.objects.filter(genres__slug="family").values_list("pk", flat=True)])
    with CaptureQueriesContext(connection) as queries:
        response = api_client.get("/api/genres/")

    assert response.status_code == 200
    assert response.json() == {
        "items": [
            {"slug": "crime", "name": "Crime", "movie_count": 2},
            {"slug": "family", "name": "Family", "movie_count": 0},
            {"slug": "sci-fi", "name": "Sci-Fi", "movie_count": 3},
        ],
        "next_cursor": None,
    }
    assert sum('FROM "movies_genre"' in query["sql"] for query in queries) == 1


def test_genres_are_kept_until_the_catalogue_changes(committed_cast, api_client, django_assert_num_queries):
    def counts() -> dict[str, int]:
        return {genre["slug"]: genre["movie_count"] for genre in api_client.get("/api/genres/").json()["items"]}

    before = counts()
    with django_assert_num_queries(0):
        assert counts() == before
    movies_hide(movie_ids=[committed_cast["Heat"].pk])

    assert counts() == before | {"crime": 2}

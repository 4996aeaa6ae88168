"""A new user's first calls: register, rate five movies, get a list, rate one more, see the list change."""

import secrets
from typing import Any

from rich.console import Console
from rich.table import Table

from recsys_project.demo.client import ApiClient
from recsys_project.demo.steps import DemoError, Steps

# The user in the README's example.
ADA = "ada@example.com"
LIST_LENGTH = 10
_RATED_FIRST = 5


def check_readme_call(steps: Steps, url: str, password: str) -> None:
    """Makes the call of the README. Raises DemoError unless a liked movie is the reason for a recommendation."""
    viewer = ApiClient(url)
    with steps.step(f"Getting five recommendations for {ADA}") as notes:
        tokens = viewer.post("/api/auth/token/", {"email": ADA, "password": password}, expected=200)
        viewer.sign_in(tokens["access"])
        items = viewer.get("/api/recommendations/", limit=5)["items"]
        reasons = [item["reason"]["text"] for item in items if item["reason"]["code"] == "because_liked"]
        _expect(bool(reasons), "no reason names a movie that was liked")
        notes.append(f'"{reasons[0]}"')


def run_journey(steps: Steps, url: str) -> None:
    """Calls the API over HTTP as a new user and prints the lists. Raises DemoError for an unexpected response."""
    anonymous, viewer = ApiClient(url), ApiClient(url)
    with steps.step("Popular movies, without signing in") as notes:
        popular = _movies(anonymous.get("/api/recommendations/popular/", limit=LIST_LENGTH))
        _expect(len(popular) == LIST_LENGTH, f"{len(popular)} popular movies came, not {LIST_LENGTH}")
        notes.append(f"{len(popular)} movies")
    with steps.step("Registering and signing in"):
        _register(viewer)
    with steps.step(f"Rating {_RATED_FIRST} films"):
        rated = popular[:_RATED_FIRST]
        for movie in rated:
            _rate(viewer, movie)
    with steps.step("Getting recommendations") as notes:
        answer = viewer.get("/api/recommendations/", limit=LIST_LENGTH)
        first = _movies(answer)
        _expect_fresh(first, rated)
        notes.append(f"model version {answer['model_version']}")
    with steps.step(f"Rating one more ({_title(first[0])}) and getting them again"):
        _rate(viewer, first[0])
        second = _movies(viewer.get("/api/recommendations/", limit=LIST_LENGTH))
        _expect_fresh(second, [*rated, first[0]])
        _expect(_ids(first) != _ids(second), "the list did not change after one more rating")
    _print_lists(steps.console, rated, first, second, popular)


def _register(viewer: ApiClient) -> None:
    person = {"email": f"check-{secrets.token_hex(6)}@example.com", "password": secrets.token_urlsafe(16)}
    registered = viewer.post("/api/auth/register/", person)
    _expect(registered["email"] == person["email"], "registration returned another e-mail address")
    tokens = viewer.post("/api/auth/token/", person, expected=200)
    viewer.sign_in(tokens["access_token"])
    _expect(viewer.get("/api/auth/me/")["email"] == person["email"], "/api/auth/me/ returned another user")


def _rate(viewer: ApiClient, movie: dict[str, Any]) -> None:
    viewer.post("/api/events/", {"movie": movie["id"], "kind": "rating", "value": 5})


def _movies(answer: dict[str, Any]) -> list[dict[str, Any]]:
    return [item["movie"] for item in answer["items"]]


def _ids(movies: list[dict[str, Any]]) -> list[int]:
    return [movie["id"] for movie in movies]


def _title(movie: dict[str, Any]) -> str:
    return f"{movie['title']} ({movie['year']})" if movie.get("year") else str(movie["title"])


def _expect_fresh(movies: list[dict[str, Any]], rated: list[dict[str, Any]]) -> None:
    """Expects a full list without duplicates and without movies that the user has rated."""
    _expect(len(movies) == LIST_LENGTH, f"{len(movies)} recommendations came, not {LIST_LENGTH}")
    _expect(len(set(_ids(movies))) == len(movies), "a movie is in the list twice")
    seen = [_title(movie) for movie in movies if movie["id"] in _ids(rated)]
    _expect(not seen, f"a rated movie was recommended: {', '.join(seen)}")


def _expect(holds: bool, otherwise: str) -> None:
    if not holds:
        raise DemoError(otherwise)


def _print_lists(console: Console, rated: list[Any], first: list[Any], second: list[Any], popular: list[Any]) -> None:
    table = Table(title="What the API answered")
    columns = {
        "Rated 5 stars": rated,
        "Recommended": first,
        f"After {_title(first[0])}": second,
        "Popular": popular,
    }
    table.add_column("#", justify="right")
    for heading in columns:
        table.add_column(heading)
    for place in range(LIST_LENGTH):
        titles = [_title(movies[place]) if place < len(movies) else "" for movies in columns.values()]
        table.add_row(str(place + 1), *titles)
    console.print(table)

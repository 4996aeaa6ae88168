"""Movies that are hidden or deleted between two queries of one list."""

import pytest

from movies.models import Movie
from recommendations.retrieval import candidates, movie_features
from tests.factories import client_of, make_group, make_movie

URL = "/api/recommendations/"


@pytest.fixture(autouse=True)
def _no_blocks(monkeypatch):
    """Cards are fetched when they are needed, not with those of neighbouring ids."""
    monkeypatch.setattr(movie_features, "MAX_BLOCK_FETCH", 0)


def after_reading(monkeypatch, query: str, change) -> None:
    """Calls ``change`` once, after the first call of that function of ``candidates``."""
    read, changes = getattr(candidates, query), [change]

    def read_then_change(*args, **kwargs):
        found = read(*args, **kwargs)
        if changes:
            changes.pop()()
        return found

    monkeypatch.setattr(candidates, query, read_then_change)


def hide(title: str) -> None:
    Movie.objects.filter(title=title).update(status=Movie.Status.HIDDEN)


def titles(response) -> list[str]:
    assert response.status_code == 200, response.content
    return [item["movie"]["title"] for item in response.json()["items"]]


@pytest.mark.parametrize("change", [lambda: hide("Rare"), lambda: Movie.objects.filter(title="Rare").delete()])
def test_a_fill_that_is_gone_meanwhile_is_left_out(cast, monkeypatch, change):
    make_movie("Rare", year=1991)
    after_reading(monkeypatch, "catalogue_movies", change)
    listed = titles(client_of(cast.bob).get(URL, {"year_from": 1900}))

    assert "Rare" not in listed
    assert len(listed) == 9


@pytest.mark.parametrize("query", [{}, {"year_from": 1900}, {"mood": "space"}])
@pytest.mark.parametrize("who", ["alice", "carol"])
def test_a_popular_movie_hidden_meanwhile_is_left_out(cast, monkeypatch, who, query):
    after_reading(monkeypatch, "popular_movies", lambda: hide("Toy Story"))
    listed = titles(client_of(getattr(cast, who)).get(URL, query))

    assert "Toy Story" not in listed
    assert len(listed) == 8


def test_a_guests_list_omits_a_movie_hidden_meanwhile(cast, monkeypatch, api_client):
    after_reading(monkeypatch, "popular_movies", lambda: hide("Toy Story"))
    body = {"movie_ids": [cast["Heat"].pk]}

    assert "Toy Story" not in titles(api_client.post(f"{URL}session/", body, format="json"))


def test_a_groups_list_omits_a_movie_hidden_meanwhile(cast, monkeypatch):
    after_reading(monkeypatch, "popular_movies", lambda: hide("Toy Story"))
    body = {"group": make_group(cast.alice, cast.bob)}

    assert "Toy Story" not in titles(client_of(cast.alice).post(f"{URL}group/", body, format="json"))

"""Every list of the API as a function of a region, which returns the ids of the movies that it has."""

from collections.abc import Callable
from typing import Any

from events.services import interaction_record
from tests.factories import Cast, client_of, make_group

Asked = Callable[[str], list[int]]


def ids(response: Any) -> list[int]:
    assert response.status_code == 200, response.content
    return [item["movie"]["id"] for item in response.json()["items"]]


def cards(response: Any) -> list[int]:
    assert response.status_code == 200, response.content
    return [card["id"] for card in response.json()["items"]]


def rows(response: Any) -> list[int]:
    assert response.status_code == 200, response.content
    return [item["movie"]["id"] for row in response.json()["rows"] for item in row["items"]]


def with_region(region: str, **more: Any) -> dict[str, Any]:
    return more | ({"region": region} if region else {})


def lists_of(cast: Cast) -> dict[str, Asked]:
    """By name. Alice has liked Babe, begun Aliens, and wants to see Aladdin; the group is hers and Bob's."""
    interaction_record(user=cast.alice, movie_id=cast["Babe"].pk, kind="like")
    interaction_record(user=cast.alice, movie_id=cast["Aliens"].pk, kind="watch", progress=0.4)
    interaction_record(user=cast.alice, movie_id=cast["Aladdin"].pk, kind="watchlist")
    group = make_group(cast.alice, cast.bob)
    alice, guest = client_of(cast.alice), client_of()

    def get(path: str, who: Any = guest, read: Callable[[Any], list[int]] = ids, **query: Any) -> Asked:
        return lambda region: read(who.get(path, with_region(region, **query)))

    def post(path: str, who: Any = guest, **body: Any) -> Asked:
        return lambda region: ids(who.post(path, with_region(region, **body), format="json"))

    def rank(region: str) -> list[int]:
        body = with_region(region, movie_ids=[movie.pk for movie in cast.movies.values()])
        return [one["movie_id"] for one in alice.post("/api/rank/", body, format="json").json()["items"]]

    lists = "/api/recommendations/"
    return {
        "personal": get(lists, alice),
        "of somebody new": get(lists, client_of(cast.carol)),
        "filtered": get(lists, alice, genre="crime,sci-fi"),
        "home": get("/api/home/", alice, rows),
        "popular": get(f"{lists}popular/"),
        "popular of a genre": get(f"{lists}popular/", genre="crime"),
        "trending": get(f"{lists}trending/"),
        "latest": get(f"{lists}latest/"),
        "similar": get(f"/api/movies/{cast['Heat'].pk}/similar/"),
        "search": get("/api/movies/search/", q="alien"),
        "catalogue": get("/api/movies/", read=cards),
        "session": post(f"{lists}session/", movie_ids=[cast["Heat"].pk]),
        "group": post(f"{lists}group/", alice, group=group),
        "begun": get("/api/events/continue-watching/", alice),
        "watchlist": get("/api/events/watchlist/", alice),
        "rank": rank,
    }

"""People with signals but no profile get popular movies of the genres that they like."""

import pytest

from events.services import interaction_record
from recommendations.models import ModelVersion, MovieEmbedding
from tests.factories import Cast, client_of, make_movie, make_popular

URL = "/api/recommendations/"


@pytest.fixture(params=["no model", "no vectors"])
def blind(request, cast: Cast) -> Cast:
    """The cast without a live model, or with one that has no factors."""
    if request.param == "no model":
        ModelVersion.objects.all().delete()
    else:
        MovieEmbedding.objects.update(item_factors=None, query_factors=None)
    return cast


def tell(cast: Cast, title: str, kind: str = "like", value: float | None = None) -> None:
    interaction_record(user=cast.bob, movie_id=cast[title].pk, kind=kind, value=value)


def ask(cast: Cast, **query) -> list[dict]:
    response = client_of(cast.bob).get(URL, {"limit": 100, **query})
    assert response.status_code == 200, response.content
    return response.json()["items"]


def titles(items: list[dict]) -> list[str]:
    return [item["movie"]["title"] for item in items]


def test_popular_movies_of_liked_genres_come_first(blind):
    tell(blind, "Blade Runner")

    items = ask(blind)

    assert titles(items) == ["Alien", "Aliens", "Toy Story", "Heat", "Casino", "Goodfellas", "Babe", "Aladdin"]
    scores = [item["score"] for item in items]
    assert scores == sorted(scores, reverse=True)
    assert all(0 <= score <= 1 for score in scores)


def test_the_reason_names_the_liked_genre(blind):
    tell(blind, "Blade Runner")

    reasons = [item["reason"] for item in ask(blind)]

    liked = {"code": "popular_in_genre", "text": "Popular with people who like Sci-Fi", "genre": "sci-fi"}
    assert reasons[:2] == [liked, liked]
    assert {reason["code"] for reason in reasons[2:]} == {"popular"}


def test_a_genre_liked_more_comes_before_one_liked_less(blind):
    tell(blind, "Aladdin")
    tell(blind, "Babe")
    tell(blind, "Heat")

    items = ask(blind)

    assert titles(items)[0] == "Toy Story"
    assert items[0]["reason"]["genre"] == "family"
    assert {item["reason"].get("genre") for item in items[:3]} == {"family", "crime"}


def test_a_disliked_genre_is_not_preferred(blind):
    tell(blind, "Heat", "dislike")
    tell(blind, "Babe", "rating", 1.0)

    assert {item["reason"]["code"] for item in ask(blind)} == {"popular"}


def test_filters_and_exclusions_hold(blind):
    tell(blind, "Blade Runner")

    assert titles(ask(blind, exclude=blind["Alien"].pk))[:2] == ["Aliens", "Toy Story"]
    assert titles(ask(blind, genre="crime")) == ["Heat", "Casino", "Goodfellas"]
    assert titles(ask(blind, genre="sci-fi", year_from=1991)) == ["Aliens"]


def test_seen_movies_are_omitted_and_none_is_listed_twice(blind):
    tell(blind, "Blade Runner")
    tell(blind, "Alien", "hide")
    both = make_movie("Space Heist", genres=["Crime", "Sci-Fi"])
    make_popular([both], "Both")

    shown = titles(ask(blind))

    assert shown[0] == "Aliens"
    assert not {"Alien", "Blade Runner"} & set(shown)
    assert len(shown) == len(set(shown))


def test_with_a_profile_genres_are_not_the_reason(cast):
    tell(cast, "Blade Runner")

    assert "popular_in_genre" not in {item["reason"]["code"] for item in ask(cast)}


def test_a_cold_user_gets_popular_movies(blind):
    assert {item["reason"]["code"] for item in ask(blind)} == {"popular"}

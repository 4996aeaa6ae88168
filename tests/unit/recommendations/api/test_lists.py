"""Lists over HTTP, each request with its own commit."""

import pytest

from movies.models import Movie
from tests.factories import client_of, make_movie, make_popular
from tests.served import served_lists

URL = "/api/recommendations/"
POPULAR = "/api/recommendations/popular/"
BAD_LIMITS = ["0", "-1", "101", "abc", "1e9", "1000000000", "1.5", " ", "\x00", "9" * 5000, "NaN"]


def titles(response) -> list[str]:
    return [item["movie"]["title"] for item in response.json()["items"]]


def test_an_item_says_its_score_its_sources_and_its_reason(cast):
    response = client_of(cast.alice).get(URL, {"limit": 1})

    answer = response.json()
    assert response.status_code == 200
    assert response.headers["Content-Type"] == "application/json"
    assert "no-store" in response.headers["Cache-Control"]
    head = {"recommendation_id", "generated_at", "model_version", "user_state", "notices", "experiment", "scenario"}
    assert set(answer) == head | {"items", "next_cursor"}
    assert answer["notices"] == []
    assert answer["items"] == [
        {
            "movie": {
                "id": cast["Heat"].pk,
                "title": "Heat",
                "year": 1990,
                "runtime_minutes": None,
                "language": "",
                "imdb_id": "",
                "tmdb_id": None,
                "poster_url": "",
                "genres": [{"name": "Crime", "slug": "crime"}],
            },
            "score": 1.0,
            "sources": {"batch": 1.0, "realtime": 0.0, "popular": 0.0},
            "reason": {"code": "taste", "text": "Matches your taste"},
            "predicted_rating": None,
        }
    ]


def test_titles_of_every_script_survive_the_cache(cast):
    title = 'Amélie "七人の侍" \\ 🎬'
    make_popular([make_movie(title)], "Odd")
    Movie.objects.filter(pk=cast["Heat"].pk).update(title=title)
    client = client_of(cast.alice)

    assert titles(client.get(URL))[0] == titles(client.get(URL))[0] == title


@pytest.mark.parametrize("limit", BAD_LIMITS)
@pytest.mark.parametrize("url", [URL, POPULAR, "/api/movies/{heat}/similar/"])
def test_a_bad_limit_is_an_error_that_names_it(cast, url, limit):
    response = client_of(cast.bob).get(url.format(heat=cast["Heat"].pk), {"limit": limit})

    assert response.status_code == 400
    assert list(response.json()["error"]["fields"]) == ["limit"]
    assert not served_lists().exists()


def test_limits_from_one_to_a_hundred(cast):
    client = client_of(cast.bob)

    assert [len(client.get(URL, {"limit": limit}).json()["items"]) for limit in (1, 5, 100)] == [1, 5, 9]


def test_ones_own_list_needs_a_token(cast, api_client):
    assert api_client.get(URL).status_code == 401
    assert not served_lists().exists()


def test_popular_and_similar_accept_no_token_or_an_expired_one(cast, api_client):
    for token in ({}, {"HTTP_AUTHORIZATION": "Bearer expired"}):
        assert titles(api_client.get(POPULAR, **token))[0] == "Toy Story"
        assert titles(api_client.get(POPULAR, {"genre": "sci-fi", "limit": 1}, **token)) == ["Alien"]
        similar = api_client.get(f"/api/movies/{cast['Heat'].pk}/similar/", {"limit": 2}, **token)
        assert set(titles(similar)) == {"Casino", "Goodfellas"}


@pytest.mark.parametrize("genre", ["nope", " ", "\x00", "x" * 41])
def test_a_bad_genre_is_an_error_that_names_it(cast, api_client, genre):
    response = api_client.get(POPULAR, {"genre": genre})

    assert response.status_code == 400
    assert list(response.json()["error"]["fields"]) == ["genre"]


@pytest.mark.parametrize("movie_id", ["0", "999999", "9" * 60])
def test_nothing_is_similar_to_an_unknown_movie(cast, api_client, movie_id):
    response = api_client.get(f"/api/movies/{movie_id}/similar/")

    assert response.status_code == 404
    assert response.json()["error"]["code"] == "not_found"


def test_a_first_rating_changes_the_very_next_list(committed_cast):
    cast = committed_cast
    client = client_of(cast.bob)
    first = client.get(URL).json()
    same = client.get(URL).json()
    client.post(
        "/api/events/",
        {
            "movie": cast["Heat"].pk,
            "kind": "rating",
            "value": 5,
            "recommendation_id": first["recommendation_id"],
        },
        format="json",
    )
    after = client.get(URL)

    assert same == first
    assert first["user_state"] == "cold"
    assert after.json()["user_state"] == "new"
    assert after.json()["recommendation_id"] != first["recommendation_id"]
    assert titles(after)[0] == "Casino"
    assert after.json()["items"][0]["reason"]["text"] == "Because you liked Heat"
    assert "Heat" not in titles(after)


def test_a_refused_event_leaves_the_list_as_it_is(committed_cast):
    client = client_of(committed_cast.bob)
    before = client.get(URL).json()
    refused = client.post("/api/events/", {"movie": 10**9, "kind": "like"}, format="json")

    assert refused.status_code == 400
    assert client.get(URL).json() == before


def test_a_movie_hidden_in_the_admin_leaves_lists_at_once(committed_cast, client):
    cast = committed_cast
    client.force_login(cast.stan)
    viewer = client_of(cast.alice)
    before = titles(viewer.get(URL))
    client.post("/admin/movies/movie/", {"action": "hide_selected", "_selected_action": [cast["Heat"].pk]})
    after = titles(viewer.get(URL))

    assert "Heat" in before
    assert after == [title for title in before if title != "Heat"]
    assert "Heat" not in titles(viewer.get(POPULAR))

"""Filters, pages, explanations and guests, over HTTP."""

from datetime import timedelta

import pytest
from django.utils import timezone

from events.list_invalidation import invalidate_user
from events.models import Interaction
from events.services import interaction_record
from movies.models import Movie
from movies.services import movies_hide
from recommendations.models import ModelVersion
from tests.factories import client_of, make_embedding, make_movie
from tests.served import served_lists

URL = "/api/recommendations/"
SESSION = "/api/recommendations/session/"


def titles(response) -> list[str]:
    return [item["movie"]["title"] for item in response.json()["items"]]


BAD = [
    ("genre", "nope"),
    ("year_from", "abc"),
    ("year_to", "99999999999"),
    ("language", "e n"),
    ("language", "x" * 9),
    ("max_runtime", "0"),
    ("exclude", "1,x"),
    ("exclude", ",".join(["7"] * 1001)),
    ("exclude", "1" * 6000),
    ("exclude", "1" * 200_000),
    ("exclude", "-1"),
    ("mood", "x" * 201),
    ("mood", "\x00"),
    ("cursor", "made-up"),
    ("cursor", "\x00"),
    ("explain", "perhaps"),
    ("repeat_after", "-1"),
    ("repeat_after", "745"),
    ("repeat_after", "1.5"),
    ("exclude_watchlist", "perhaps"),
    ("sort", "title"),
]


@pytest.mark.parametrize(("name", "value"), BAD)
def test_a_bad_parameter_is_an_error_that_names_it(cast, name, value):
    response = client_of(cast.alice).get(URL, {name: value})

    assert response.status_code == 400
    assert list(response.json()["error"]["fields"]) == [name]
    assert not served_lists().exists()


def test_year_from_after_year_to_is_an_error(cast):
    response = client_of(cast.alice).get(URL, {"year_from": 2000, "year_to": 1990})

    assert list(response.json()["error"]["fields"]) == ["year_from"]


@pytest.mark.parametrize("who", ["alice", "bob"])
def test_a_filtered_list_holds_all_that_passes_and_nothing_else(cast, who):
    client = client_of(getattr(cast, who))

    assert set(titles(client.get(URL, {"genre": "family"}))) == {"Toy Story", "Babe", "Aladdin"}
    assert set(titles(client.get(URL, {"genre": ["family", "crime"], "year_from": 1992}))) == {"Aladdin", "Goodfellas"}
    assert titles(client.get(URL, {"language": "fr"})) == []


def test_a_filter_also_finds_unpopular_movies(cast):
    rare = make_movie("Rare", year=1931, language="hu", runtime_minutes=61)
    make_movie("Hidden", year=1931, status=Movie.Status.HIDDEN)
    query = {"year_to": 1940, "max_runtime": 70, "language": "hu"}

    assert titles(client_of(cast.bob).get(URL, query)) == ["Rare"]
    assert titles(client_of(cast.bob).get(URL, {**query, "exclude": rare.pk})) == []


def test_excluded_movies_are_left_out_of_that_list_alone(cast):
    client = client_of(cast.alice)
    without = titles(client.get(URL, {"exclude": f"{cast['Heat'].pk},{cast['Casino'].pk}"}))

    assert not {"Heat", "Casino"} & set(without)
    assert len(without) == 7
    assert titles(client.get(URL))[:2] == ["Heat", "Casino"]


@pytest.mark.parametrize("query", [{}, {"genre": "crime,sci-fi"}])
def test_pages_are_slices_of_one_list(cast, query):
    client = client_of(cast.alice)
    whole = titles(client.get(URL, {**query, "limit": 100}))
    first = client.get(URL, {**query, "limit": 2})
    interaction_record(user=cast.alice, movie_id=cast[whole[0]].pk, kind="like", value=None)
    rest = client.get(URL, {**query, "limit": 100, "cursor": first.json()["next_cursor"]})

    assert titles(first) + titles(rest) == whole
    assert rest.json()["recommendation_id"] == first.json()["recommendation_id"]
    assert rest.json()["next_cursor"] is None


def test_a_later_page_omits_movies_hidden_or_seen_since(cast):
    client = client_of(cast.alice)
    whole = titles(client.get(URL))
    first = client.get(URL, {"limit": 2})
    movies_hide(movie_ids=[cast[whole[3]].pk])
    interaction_record(user=cast.alice, movie_id=cast[whole[4]].pk, kind="hide", value=None)
    rest = client.get(URL, {"cursor": first.json()["next_cursor"]})

    assert titles(rest) == [title for title in whole[2:] if title not in whole[3:5]]


def test_a_cursor_of_another_person_or_other_filters_is_refused(cast):
    cursor = client_of(cast.alice).get(URL, {"limit": 2}).json()["next_cursor"]
    foreign = client_of(cast.bob).get(URL, {"cursor": cursor})
    elsewhere = client_of(cast.alice).get(URL, {"cursor": cursor, "genre": "crime"})

    for response in (foreign, elsewhere):
        assert response.status_code == 400
        assert list(response.json()["error"]["fields"]) == ["cursor"]


def test_an_explanation_has_signals_batch_weights_and_shares(cast):
    interaction_record(user=cast.alice, movie_id=cast["Toy Story"].pk, kind="like", value=None)
    explanation = client_of(cast.alice).get(URL, {"explain": "true"}).json()["explanation"]

    assert explanation["user_state"] == "known"
    assert explanation["batch"]["model_version"] == cast.version.pk
    assert explanation["signals"]["counted"] == 1
    assert explanation["weights"] == {"batch": 0.7, "realtime": 0.3, "popular": 0.0}
    assert explanation["left_out"]["seen"] == 1
    assert sum(explanation["source_shares"].values()) == pytest.approx(1, abs=0.01)
    assert "explanation" not in client_of(cast.alice).get(URL).json()


def test_the_batch_weight_falls_after_a_newer_signal(cast):
    read_from = timezone.now()
    ModelVersion.objects.filter(pk=cast.version.pk).update(started_at=read_from)
    interaction_record(
        user=cast.alice,
        movie_id=cast["Toy Story"].pk,
        kind="like",
        value=None,
        occurred_at=read_from - timedelta(days=1),
    )
    before = client_of(cast.alice).get(URL, {"explain": "true"}).json()["explanation"]
    interaction_record(user=cast.alice, movie_id=cast["Aladdin"].pk, kind="like")
    invalidate_user(cast.alice.pk)
    after = client_of(cast.alice).get(URL, {"explain": "true"}).json()["explanation"]

    assert before["signals"]["newer_than_batch"] == 0
    assert before["weights"] == {"batch": 0.7, "realtime": 0.3, "popular": 0.0}
    assert after["signals"]["newer_than_batch"] == 1
    # A third of 0.7, against 0.3.
    assert after["weights"] == {"batch": 0.4375, "realtime": 0.5625, "popular": 0.0}


def test_a_guest_gets_a_list_and_no_event_is_stored(cast, api_client):
    liked = api_client.post(SESSION, {"movie_ids": [cast["Heat"].pk]}, format="json")
    body = {"events": [{"movie": cast["Toy Story"].pk, "kind": "rating", "value": 5}], "genre": "family", "limit": 1}
    narrowed = api_client.post(SESSION, body, format="json")
    nothing = api_client.post(SESSION, {}, format="json")

    assert titles(liked)[0] == "Casino"
    assert "Heat" not in titles(liked)
    assert titles(narrowed) == ["Babe"]
    assert titles(nothing)[0] == "Toy Story"
    assert not Interaction.objects.exists()
    assert [served.user for served in served_lists()] == [None] * 3


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ({"movie_ids": [10**9]}, "movie_ids"),
        ({"movie_ids": [10**30]}, "movie_ids"),
        ({"movie_ids": [1] * 201}, "movie_ids"),
        ({"movie_ids": "x"}, "movie_ids"),
        ({"events": [{"movie": 10**9}]}, "events"),
        ({"events": [{"movie": 1, "kind": "rating"}]}, "events"),
        ({"events": [{"movie": 1, "kind": "clap"}]}, "events"),
        ({"limit": 0}, "limit"),
    ],
)
def test_a_bad_session_is_an_error_that_names_the_field(cast, api_client, body, named):
    response = api_client.post(SESSION, body, format="json")

    assert response.status_code == 400
    assert all(name.split(".")[0].split("[")[0] == named for name in response.json()["error"]["fields"])


@pytest.mark.parametrize("body", ["[]", "3", "{", '"x"', "null"])
def test_a_session_that_is_no_object_is_refused(cast, api_client, body):
    assert api_client.post(SESSION, body, content_type="application/json").status_code == 400


def test_at_most_three_of_a_franchise_are_at_the_top(cast):
    sequels = [make_movie(f"Great Saga {n}", year=2000 + n) for n in range(1, 7)]
    others = [make_movie(name) for name in ("Aurora", "Brothers", "Crossing", "Dunes", "Evening", "Forest", "Garden")]
    for movie in [*sequels, *others]:
        make_embedding(cast.version, movie, [0.0])
    listed = titles(client_of(cast.carol).get(URL, {"year_from": 1995}))
    top = [title for title in listed[:10] if title.startswith("Great Saga")]

    assert len(top) <= 3
    assert len(listed) == len(set(listed))

"""Events over HTTP: sent once, read back newest first, and never somebody else's."""

import uuid
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from events.kinds import API_KIND_CHOICES
from events.models import Interaction, Rating
from movies.selectors import movie_cards
from tests.factories import client_of

URL = "/api/events/"


def post(user, **body):
    return client_of(user).post(URL, body, format="json")


def test_an_event_is_stored_and_returned(cast):
    recommendation_id = str(uuid.uuid4())
    response = post(cast.bob, movie=cast["Heat"].pk, kind="rating", value=4.5, recommendation_id=recommendation_id)

    assert response.status_code == 201
    event = Interaction.objects.get()
    assert response.json() == {
        "event_id": str(event.event_id),
        "movie": movie_cards([cast["Heat"].pk])[cast["Heat"].pk],
        "kind": "rating",
        "value": 4.5,
        "occurred_at": event.occurred_at.isoformat().replace("+00:00", "Z"),
        "recommendation_id": recommendation_id,
    }
    assert Rating.objects.get().value == 4.5


def test_an_event_is_stored_once_and_other_content_is_a_conflict(cast):
    event_id = str(uuid.uuid4())
    answers = [
        post(cast.bob, movie=cast["Heat"].pk, kind=kind, event_id=event_id) for kind in ("like", "like", "dislike")
    ]

    assert [answer.status_code for answer in answers] == [201, 200, 409]
    assert answers[0].json() == answers[1].json()
    assert Interaction.objects.get().kind == "like"


@pytest.mark.parametrize(
    ("field", "body"),
    [
        ("movie", {"movie": 10**30}),
        ("movie", {"movie": 0}),
        ("movie", {"movie": None}),
        ("movie", {"movie": "Heat"}),
        ("movie", {"movie": True}),
        ("movie", {"movie": 999_999_999}),
        ("kind", {"kind": "adore"}),
        ("kind", {"kind": ["like"]}),
        ("kind", {"kind": "li\x00ke"}),
        ("value", {"kind": "rating"}),
        ("value", {"kind": "rating", "value": "abc"}),
        ("value", {"kind": "rating", "value": "nan"}),
        ("value", {"kind": "rating", "value": "1e999"}),
        ("value", {"kind": "rating", "value": 4.2}),
        ("value", {"kind": "rating", "value": True}),
        ("value", {"kind": "like", "value": 3}),
        ("event_id", {"event_id": "not-a-uuid"}),
        ("event_id", {"event_id": True}),
        ("event_id", {"event_id": 7}),
        ("recommendation_id", {"recommendation_id": "\x00"}),
        ("recommendation_id", {"recommendation_id": 2**128}),
        ("occurred_at", {"occurred_at": "yesterday"}),
        ("occurred_at", {"occurred_at": "1980-01-01T00:00:00Z"}),
        ("occurred_at", {"occurred_at": "9999-12-31T23:59:59-14:00"}),
    ],
)
def test_a_bad_event_is_an_error_that_names_the_field(cast, field, body):
    response = post(cast.bob, **{"movie": cast["Heat"].pk, "kind": "like"} | body)

    assert response.status_code == 400
    assert field in str(response.json())
    assert not Interaction.objects.exists()


@pytest.mark.parametrize("body", [b"", b"[]", b"[1]", b'"x"', b"{", b"null", b"\xff\xfe"])
def test_a_body_that_is_no_event_is_an_error(cast, body):
    response = client_of(cast.bob).post(URL, body, content_type="application/json")

    assert response.status_code == 400
    assert not Interaction.objects.exists()


def test_nobody_records_or_reads_without_a_token(cast, api_client):
    assert api_client.get(URL).status_code == 401
    assert api_client.post(URL, {"movie": cast["Heat"].pk, "kind": "like"}, format="json").status_code == 401
    assert not Interaction.objects.exists()


def test_history_is_ones_own_newest_first_and_filtered_by_kind(cast):
    now = timezone.now()
    for age, (title, kind) in enumerate([("Heat", "like"), ("Alien", "watch"), ("Babe", "like")]):
        post(cast.bob, movie=cast[title].pk, kind=kind, occurred_at=(now - timedelta(days=age)).isoformat())
    post(cast.carol, movie=cast["Casino"].pk, kind="like")
    client = client_of(cast.bob)

    with CaptureQueriesContext(connection) as queries:
        history = client.get(URL).json()["items"]

    assert [event["movie"]["title"] for event in history] == ["Heat", "Alien", "Babe"]
    assert len(queries) == 3  # the person of the token, their events, and the movies' cards
    assert [event["movie"]["title"] for event in client.get(URL, {"kind": "like"}).json()["items"]] == ["Heat", "Babe"]
    assert client.get(URL, {"kind": "adore"}).status_code == 400


def test_pages_of_history_neither_repeat_nor_skip(cast):
    same_moment = datetime(2024, 1, 1, tzinfo=UTC)
    Interaction.objects.bulk_create(
        Interaction(user=cast.bob, movie=cast["Heat"], kind="view", occurred_at=same_moment) for _ in range(7)
    )
    client, query, ids = client_of(cast.bob), {"page_size": 3}, []
    while query.get("cursor", "") is not None:
        page = client.get(URL, query).json()
        ids += [event["event_id"] for event in page["items"]]
        query["cursor"] = page["next_cursor"]

    assert len(ids) == len(set(ids)) == 7


@pytest.mark.parametrize("query", ["cursor=abc", "cursor=cD1nYXJiYWdl", "page_size=0", "page_size=1e9"])
def test_a_bad_page_is_an_error(cast, query):
    assert client_of(cast.bob).get(f"{URL}?{query}").status_code == 400


def test_the_error_for_an_unknown_kind_lists_all_kinds(cast):
    response = post(cast.bob, movie=cast["Heat"].pk, kind="lke")

    assert response.status_code == 400
    known = ", ".join(kind for kind, _ in API_KIND_CHOICES)
    assert response.json()["error"]["fields"] == {"kind": [f'"lke" is none of {known}.']}
    assert not Interaction.objects.exists()

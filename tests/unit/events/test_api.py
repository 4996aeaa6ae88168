"""Events over HTTP: sent once, read back newest first, and never somebody else's."""

import uuid
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from events.kinds import API_KIND_CHOICES
from events.models import Interaction, Rating, ServedRecommendation
from events.selectors import seen_movie_ids
from events.served.log import served_append
from movies.selectors import movie_cards
from tests.factories import client_of
from tests.served import a_list

URL = "/api/events/"


def post(user, **body):
    return client_of(user).post(URL, body, format="json")


def shown_to(person) -> uuid.UUID:
    """The id of a list that the person was shown."""
    served = a_list(person.pk)
    served_append(served)
    return served.id


def test_an_event_is_stored_and_returned(cast):
    recommendation_id = str(shown_to(cast.bob))
    response = post(cast.bob, movie=cast["Heat"].pk, kind="rating", value=4.5, recommendation_id=recommendation_id)

    assert response.status_code == 201
    event = Interaction.objects.get()
    assert response.json() == {
        "event_id": str(event.event_id),
        "movie": movie_cards([cast["Heat"].pk])[cast["Heat"].pk],
        "kind": "rating",
        "value": 4.5,
        "progress": None,
        "occurred_at": event.occurred_at.isoformat().replace("+00:00", "Z"),
        "recommendation_id": recommendation_id,
        "source": "",
        "undo": False,
        "undone_at": None,
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


def test_only_a_list_shown_to_the_person_may_be_named(cast):
    own, others, invented = shown_to(cast.bob), shown_to(cast.carol), uuid.uuid4()
    sent = {"movie": cast["Heat"].pk, "kind": "click", "source": "batch"}
    answers = [post(cast.bob, **sent, recommendation_id=str(shown)) for shown in (own, others, invented)]

    assert [answer.status_code for answer in answers] == [201, 400, 400]
    assert list(answers[1].json()["error"]["fields"]) == ["recommendation_id"]
    assert Interaction.objects.get().recommendation_id == own


def test_a_repeated_event_is_found_when_its_list_is_gone(cast):
    sent = {"movie": cast["Heat"].pk, "kind": "like", "event_id": str(uuid.uuid4())}
    sent["recommendation_id"] = str(shown_to(cast.bob))
    first = post(cast.bob, **sent)
    ServedRecommendation.objects.all().delete()

    assert [first.status_code, post(cast.bob, **sent).status_code] == [201, 200]


def test_a_watch_below_nine_tenths_is_a_part(cast):
    shares = (0.0, 0.5, 0.89, 0.9, 1, None)
    answers = [post(cast.bob, movie=cast["Heat"].pk, kind="watch", progress=share) for share in shares]

    assert [answer.json()["kind"] for answer in answers] == ["watch"] * len(shares)
    assert [answer.json()["progress"] for answer in answers] == list(shares)
    kinds = Interaction.objects.order_by("pk").values_list("kind", flat=True)
    assert list(kinds) == ["partial", "partial", "partial", "watch", "watch", "watch"]


@pytest.mark.parametrize(
    ("field", "body"),
    [
        ("progress", {"kind": "like", "progress": 0.5}),
        ("progress", {"kind": "watch", "progress": 1.1}),
        ("progress", {"kind": "watch", "progress": True}),
        ("kind", {"kind": "partial", "progress": 0.5}),
        ("source", {"kind": "click", "source": "before"}),
        ("source", {"kind": "click", "source": "import:movielens"}),
        ("source", {"kind": "click", "source": "row:" + "x" * 40}),
        ("value", {"kind": "rating", "value": 4, "undo": True}),
        ("undo", {"kind": "like", "undo": "no"}),
    ],
)
def test_a_field_that_does_not_fit_is_named(cast, field, body):
    response = post(cast.bob, movie=cast["Heat"].pk, **body)

    assert response.status_code == 400
    assert list(response.json()["error"]["fields"]) == [field]
    assert not Interaction.objects.exists()


def test_an_undo_takes_the_event_back(cast):
    post(cast.bob, movie=cast["Heat"].pk, kind="hide")
    undone = post(cast.bob, movie=cast["Heat"].pk, kind="hide", undo=True)

    assert undone.status_code == 201
    assert undone.json()["undo"]
    assert not Interaction.objects.filter(undone_at=None).exists()
    assert seen_movie_ids(cast.bob.pk) == set()


def test_an_idempotency_key_stores_an_event_once(cast):
    def send(person, key: str, kind: str = "like", **fields):
        body = {"movie": cast["Heat"].pk, "kind": kind} | fields
        return client_of(person).post(URL, body, format="json", headers={"Idempotency-Key": key})

    first, again, other = send(cast.bob, "a-1"), send(cast.bob, "a-1"), send(cast.bob, "a-1", "dislike")
    of_another = send(cast.carol, "a-1", "dislike")

    assert [answer.status_code for answer in (first, again, other, of_another)] == [201, 200, 409, 201]
    assert first.json() == again.json()
    assert Interaction.objects.filter(user=cast.bob).count() == 1
    assert [send(cast.bob, key).status_code for key in (" ", "x" * 256, "ä")] == [400, 400, 400]
    assert send(cast.bob, "a-2", event_id=str(uuid.uuid4())).status_code == 400
    assert Interaction.objects.count() == 2


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

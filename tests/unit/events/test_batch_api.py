"""Many events in one request: a result for each, and nothing stored of what was refused."""

import uuid

import pytest

from accounts.models import User
from events.ingest import keyed_event_id
from events.models import Interaction
from tests.factories import client_of, client_with_key, make_key

URL = "/api/events/"


@pytest.fixture
def shop(db):
    """A client application."""
    return client_with_key(make_key())


def send(client, *events, headers=None, **fields):
    return client.post(URL, {"events": list(events), **fields}, format="json", headers=headers or {})


def like(cast, title="Heat", **fields):
    return {"movie": cast[title].pk, "kind": "like", **fields}


def test_new_events_are_all_stored(cast):
    answer = send(client_of(cast.bob), like(cast), like(cast, "Casino"))

    assert answer.status_code == 201
    body = answer.json()
    assert (body["stored"], body["repeated"], body["refused"]) == (2, 0, 0)
    assert [(result["status"], result["error"]) for result in body["results"]] == [(201, None)] * 2
    stored = Interaction.objects.order_by("pk")
    assert [result["event_id"] for result in body["results"]] == [str(event.event_id) for event in stored]
    assert {event.user for event in stored} == {cast.bob}


def test_each_event_of_a_mixed_batch_has_its_own_status(cast):
    same = str(uuid.uuid4())
    client = client_of(cast.bob)
    send(client, like(cast, event_id=same))

    answer = send(
        client,
        like(cast, event_id=same),
        like(cast, "Casino", event_id=same),
        like(cast, "Casino"),
        {"movie": 999_999_999, "kind": "like"},
        {"movie": cast["Babe"].pk, "kind": "adore"},
        {"movie": cast["Babe"].pk, "kind": "rating"},
        like(cast, recommendation_id=str(uuid.uuid4())),
        like(cast, user="somebody"),
    )

    assert answer.status_code == 207
    body = answer.json()
    assert [result["status"] for result in body["results"]] == [200, 409, 201, 400, 400, 400, 400, 400]
    assert (body["stored"], body["repeated"], body["refused"]) == (1, 1, 6)
    fields = [list((result["error"] or {"fields": {}})["fields"]) for result in body["results"]]
    assert fields == [[], [], [], ["movie"], ["kind"], ["value"], ["recommendation_id"], ["user"]]
    assert set(Interaction.objects.values_list("movie__title", flat=True)) == {"Heat", "Casino"}
    assert Interaction.objects.count() == 2


@pytest.mark.parametrize(
    "body",
    [
        {"events": []},
        {"events": None},
        {"events": "like"},
        {"events": {"movie": 1}},
        {"events": [{"movie": 1, "kind": "like"}] * 1001},
        {"events": [{"movie": 1, "kind": "like"}], "kind": "like"},
        {"events": [{"movie": 1, "kind": "like", "movei": 2}]},
    ],
)
def test_a_body_that_is_no_batch_is_an_error(cast, body):
    answer = client_of(cast.bob).post(URL, body, format="json")

    assert answer.status_code == 400
    assert all(name.startswith("events") for name in answer.json()["error"]["fields"])
    assert not Interaction.objects.exists()


def test_items_that_are_no_events_are_refused_one_by_one(cast):
    answer = send(client_of(cast.bob), 7, None, "like", [], like(cast))

    assert [result["status"] for result in answer.json()["results"]] == [400, 400, 400, 400, 201]


def test_at_most_twenty_refusals_name_their_fields(cast):
    answer = send(client_of(cast.bob), *[{"movie": cast["Heat"].pk, "kind": "adore"}] * 30)

    results = answer.json()["results"]
    assert answer.status_code == 207
    assert [bool(result["error"]["fields"]) for result in results] == [True] * 20 + [False] * 10
    assert {result["error"]["code"] for result in results} == {"validation_error"}


def test_a_batch_under_one_key_is_stored_once(cast):
    client = client_of(cast.bob)
    events = [like(cast), like(cast, "Casino"), like(cast)]

    first = send(client, *events, headers={"Idempotency-Key": "batch-7"})
    again = send(client, *events, headers={"Idempotency-Key": "batch-7"})

    assert [first.status_code, again.status_code] == [201, 200]
    assert [r["event_id"] for r in first.json()["results"]] == [r["event_id"] for r in again.json()["results"]]
    assert Interaction.objects.count() == 3


def test_a_client_names_a_user_for_each_event_or_for_all(cast, shop):
    answer = send(shop, like(cast, user="17"), like(cast, user="18"), like(cast, "Casino"), user="19")

    assert answer.status_code == 201
    found = Interaction.objects.order_by("pk").values_list("user__external_id", "movie__title")
    assert list(found) == [("17", "Heat"), ("18", "Heat"), ("19", "Casino")]


def test_a_client_must_name_a_user(cast, shop):
    User.objects.create(client_id=make_key_client(shop), external_id="gone", password="!", is_active=False)

    answer = send(shop, like(cast), like(cast, user="17"), like(cast, user=" x"), like(cast, user="gone"))

    assert [result["status"] for result in answer.json()["results"]] == [400, 201, 400, 403]
    assert list(User.objects.filter(interactions__isnull=False).values_list("external_id", flat=True)) == ["17"]


def test_refused_events_make_no_user(cast, shop):
    send(shop, {"movie": cast["Heat"].pk, "kind": "adore", "user": "17"})

    assert not User.objects.filter(external_id="17").exists()


def make_key_client(shop) -> int:
    """The id of the client application of a signed-in test client: it makes a user of its own."""
    shop.put("/api/users/probe/", {"display_name": ""}, format="json")
    return User.objects.get(external_id="probe").client_id


def test_no_key_of_one_event_is_that_of_a_place_in_a_batch():
    keys = ["k", "0:k", "0", "0:0:k", "00:k", "7:k"]
    ids = [keyed_event_id(user_id=7, key=key, position=place) for key in keys for place in (None, 0, 1, 10)]

    assert len(set(ids)) == len(ids)

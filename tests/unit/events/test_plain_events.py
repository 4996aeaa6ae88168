"""Events of a batch that are read in one pass are read exactly as the serializer reads them."""

import re
from itertools import product

import pytest
from django.db import transaction
from rest_framework import serializers

from events.api import batch
from events.api.plain_events import plain_event
from events.api.serializers import EventWriteSerializer
from events.models import Interaction
from tests.factories import client_with_key, make_key

ID = "0190b5b0-7d6e-7c3a-8f00-0123456789ab"
ODD = [None, True, False, 0, 1, -1, 2**63 - 1, 2**63, 10**400, 0.0, 1.0, 0.5, -0.0, 1e308, float("inf"), float("nan")]
ODD += ["", " ", "1", "true", "null", "\x00", "\ud800", "\ufffd", "é", "e\u0301", "\u200b", "\u2028", "a" * 300, [], {}]
VALUES = {
    "movie": [7, "7", " 7", "7.0", 7.0, 7.5],
    "kind": ["view", "rating", "partial", "View", " view", "adore"],
    "value": [4.5, "4.5", 4, 1000, 1e300],
    "progress": [0, 1, 0.25, 1.0000001, -0.0001, "0.5"],
    "occurred_at": [
        *("2026-01-31T20:15:00Z", "2026-01-31T20:15:00", "2026-01-31 20:15", "2026-01-31", "20:15", "1990-01-01T00Z"),
        *(
            "0001-01-01T00:00:00+23:59",
            "9999-12-31T23:59:59-23:59",
            "2026-02-30T00:00:00Z",
            "2026-01-31T20:15:00+02:00",
        ),
        "2026-01-31T20:15:00.123456789Z",
    ],
    "event_id": [ID, ID.upper(), ID.replace("-", ""), f"{{{ID}}}", f"urn:uuid:{ID}", ID[:-1]],
    "recommendation_id": [ID, f" {ID}", ID.replace("-", "")],
    "source": [
        "batch",
        " batch",
        "batch ",
        "batch\n",
        "row:Because you watched",
        "row:a ",
        "row:",
        "import:x",
        "Batch",
    ],
    "undo": ["yes", "no", "True", 0.0],
    "user": [
        "17",
        " 17",
        "17 ",
        "a/b",
        "/a",
        "a/export",
        ".",
        "..",
        "17\n",
        "日本",
        "a" * 64,
        "a" * 65,
        "a" * 255,
        "a" * 256,
    ],
}
PLAIN = {"movie": 7, "kind": "view"}


def by_serializer(item):
    """What the serializer reads; None if it refuses the item."""
    try:
        return dict(EventWriteSerializer().run_validation(item))
    except serializers.ValidationError:
        return None


def differs(item) -> bool:
    read = plain_event(item)
    return read is not None and repr(sorted(read.items())) != repr(sorted((by_serializer(item) or {}).items()))


@pytest.mark.parametrize("name", VALUES)
def test_each_value_is_read_as_by_the_serializer(name):
    wrong = [value for value in [*VALUES[name], *ODD] if differs({**PLAIN, name: value})]

    assert wrong == []


def test_pairs_of_values_are_read_as_by_the_serializer():
    pairs = [(one, other) for one, other in product(VALUES, VALUES) if one < other]
    items = [{**PLAIN, a: x, b: y} for a, b in pairs for x, y in zip(VALUES[a], reversed(VALUES[b]), strict=False)]

    assert [item for item in items if differs(item)] == []


@pytest.mark.parametrize("item", [None, 7, "view", [], {}, {"movie": 7}, {"kind": "view"}, {**PLAIN, "movei": 1}])
def test_what_is_no_event_is_left_to_the_serializer(item):
    assert plain_event(item) is None


def test_common_events_need_no_serializer():
    event = {
        **{"movie": 7, "kind": "watch", "progress": 0.4, "occurred_at": "2026-01-31T20:15:00Z", "event_id": ID},
        **{"recommendation_id": ID, "source": "batch", "undo": False, "user": "customer-17", "value": None},
    }

    assert plain_event(event) == by_serializer(event)
    assert by_serializer(event) is not None


def test_all_fields_of_the_serializer_are_known():
    assert set(VALUES) == set(EventWriteSerializer().fields)


@pytest.mark.parametrize("name", VALUES)
def test_answers_are_those_of_the_serializer(cast, monkeypatch, name):
    shop = client_with_key(make_key())
    plain = {"movie": cast["Heat"].pk, "kind": "view", "user": "17"}
    bodies = [{"events": [plain, {**plain, name: value}, {"movie": 7}]} for value in [*VALUES[name], None]]

    read = [answer(shop, body) for body in bodies]
    monkeypatch.setattr(batch, "plain_event", lambda item: None)

    assert read == [answer(shop, body) for body in bodies]
    assert not Interaction.objects.exists()


def answer(client, body) -> tuple[int, bytes]:
    """The answer to a batch, of which nothing stays."""
    kept = transaction.savepoint()
    found = client.post("/api/events/", body, format="json", headers={"Idempotency-Key": "k"})
    transaction.savepoint_rollback(kept)
    # Those of events follow from the ids of people, which are new each time.
    return found.status_code, re.sub(rb'"(event_id|request_id)":"[^"]*"', b"", found.content)

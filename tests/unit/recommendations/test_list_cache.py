"""Requests that miss together, and lists past their hour."""

import json
import threading
import time

from recommendations import list_cache, services
from recommendations.list_cache import RenderedList


def recommendation_id(user) -> str:
    return json.loads(services.recommendation_list(user=user, limit=1))["recommendation_id"]


def test_who_misses_while_another_computes_waits_for_that_list(cast):
    stamps = list_cache.lookup(cast.alice.pk).stamps
    token = list_cache.flight_begin(cast.alice.pk, stamps)
    head = b'{"recommendation_id":"00000000-0000-0000-0000-000000000001"'
    coming = threading.Timer(0.2, list_cache.keep, [cast.alice.pk, stamps, RenderedList(head, b"{}", [])])
    coming.start()

    assert token is not None
    assert list_cache.flight_begin(cast.alice.pk, stamps) is None
    assert recommendation_id(cast.alice).endswith("0001")
    coming.join()


def test_who_waited_in_vain_computes(cast, monkeypatch):
    monkeypatch.setattr(list_cache, "FLIGHT_SECONDS", 0.1)
    stamps = list_cache.lookup(cast.alice.pk).stamps
    list_cache.flight_begin(cast.alice.pk, stamps)

    assert recommendation_id(cast.alice)


def test_a_list_past_its_hour_is_shown_only_while_another_request_makes_the_next(cast, monkeypatch):
    first = recommendation_id(cast.alice)
    late = time.time() + 3700
    monkeypatch.setattr(list_cache.time, "time", lambda: late)
    stamps = list_cache.lookup(cast.alice.pk).stamps
    token = list_cache.flight_begin(cast.alice.pk, stamps)

    assert token is not None
    assert recommendation_id(cast.alice) == first
    list_cache.flight_end(cast.alice.pk, stamps, token)
    assert recommendation_id(cast.alice) != first


def test_a_flight_is_ended_by_nobody_else(cast):
    stamps = list_cache.lookup(cast.alice.pk).stamps
    list_cache.flight_begin(cast.alice.pk, stamps)
    list_cache.flight_end(cast.alice.pk, stamps, "another")

    assert list_cache.flight_begin(cast.alice.pk, stamps) is None

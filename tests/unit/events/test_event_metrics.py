"""What is counted of events: kinds, refusals, and how long until lists know of them."""

import pytest
from prometheus_client import REGISTRY

from events.new_events import NewEvent
from events.recording import interactions_record

VISIBLE = "recsys_event_visible_seconds_count"


def value(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, labels) or 0.0


@pytest.fixture
def events(cast) -> list[NewEvent]:
    person, movie = cast.bob.pk, cast["Heat"].pk
    return [
        NewEvent(user_id=person, movie_id=movie, kind="like"),
        NewEvent(user_id=person, movie_id=movie, kind="rating", value=9.0),
        NewEvent(user_id=0, movie_id=movie, kind="like"),
    ]


def test_events_by_kind_and_refusal(events, django_capture_on_commit_callbacks):
    names = [
        ("recsys_events_total", {"kind": "like"}),
        ("recsys_events_total", {"kind": "rating"}),
        ("recsys_events_refused_total", {"reason": "invalid"}),
        ("recsys_events_refused_total", {"reason": "gone"}),
        (VISIBLE, {}),
    ]
    before = [value(name, **labels) for name, labels in names]

    with django_capture_on_commit_callbacks(execute=True):
        interactions_record(events)

    assert [value(name, **labels) - old for (name, labels), old in zip(names, before, strict=True)] == [1, 0, 1, 1, 1]


def test_what_is_not_committed_is_not_counted(events, django_capture_on_commit_callbacks):
    before = value("recsys_events_total", kind="like"), value(VISIBLE)

    with django_capture_on_commit_callbacks():
        interactions_record(events)

    assert (value("recsys_events_total", kind="like"), value(VISIBLE)) == before


def test_while_redis_is_away_no_event_is_visible(events, django_capture_on_commit_callbacks, monkeypatch):
    monkeypatch.setattr("events.event_metrics.has_pending", lambda: True)
    before = value("recsys_events_total", kind="like"), value(VISIBLE)

    with django_capture_on_commit_callbacks(execute=True):
        interactions_record(events)

    assert value("recsys_events_total", kind="like") - before[0] == 1
    assert value(VISIBLE) == before[1]

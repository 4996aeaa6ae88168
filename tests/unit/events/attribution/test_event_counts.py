"""Events are counted by day and kind, for the dashboard."""

from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from events.attribution.event_counts import event_counts, event_counts_refresh
from events.models import DailyEventCount, Interaction

pytestmark = pytest.mark.django_db
NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)


@pytest.fixture
def ada(cast):
    Interaction.objects.all().delete()
    return cast.alice


def receive(user, movie, kind: str, at: datetime, **fields) -> Interaction:
    return Interaction.objects.create(user=user, movie=movie, kind=kind, occurred_at=at, received_at=at, **fields)


def test_a_day_has_its_kinds(cast, ada):
    for kind in ("view", "view", "like"):
        receive(ada, cast["Heat"], kind, NOON)
    receive(ada, cast["Heat"], "view", NOON - timedelta(days=1))
    receive(ada, cast["Heat"], "like", NOON, source="import:ml-test")

    event_counts_refresh(reread=timedelta(hours=3), now=NOON + timedelta(hours=1))

    days, as_of = event_counts(since=NOON.date() - timedelta(days=1))
    assert days == {
        NOON.date(): {"view": 2, "like": 1, "imported": 1},
        NOON.date() - timedelta(days=1): {"view": 1},
    }
    assert as_of == NOON + timedelta(hours=1)


def test_counting_twice_counts_once(cast, ada):
    receive(ada, cast["Heat"], "view", NOON)
    for hours in (1, 2, 3):
        event_counts_refresh(reread=timedelta(hours=3), now=NOON + timedelta(hours=hours))

    assert DailyEventCount.objects.get().count == 1


def test_a_missed_week_is_made_up(cast, ada):
    event_counts_refresh(reread=timedelta(hours=3), now=NOON)
    receive(ada, cast["Heat"], "view", NOON - timedelta(hours=1))
    event_counts_refresh(reread=timedelta(hours=3), now=NOON)
    receive(ada, cast["Heat"], "view", NOON + timedelta(days=2))

    event_counts_refresh(reread=timedelta(hours=3), now=NOON + timedelta(days=7))

    assert set(event_counts(since=NOON.date())[0]) == {NOON.date(), NOON.date() + timedelta(days=2)}


def test_nothing_is_counted_without_events(ada):
    event_counts_refresh(reread=timedelta(hours=3), now=timezone.now())

    assert event_counts(since=NOON.date()) == ({}, None)

"""Counts events: stored by kind, refused by reason, and how long until lists take account of them."""

from collections.abc import Sequence
from datetime import datetime

from django.utils import timezone
from prometheus_client import Counter, Histogram

from events.new_events import EventResult, Outcome
from movies.caching.version_tokens import has_pending

EVENTS = Counter("recsys_events_total", "Events that were stored, by kind.", ["kind"])
REFUSED = Counter(
    "recsys_events_refused_total",
    "Events that were not stored: invalid, conflict, paused, gone, and repeated ones, which were stored before.",
    ["reason"],
)
VISIBLE = Histogram(
    "recsys_event_visible_seconds",
    "From accepting an event to the moment from which its person's next list takes account of it.",
    buckets=(0.05, 0.25, 1.0, 5.0, 60.0),
)


def count_events(results: Sequence[EventResult]) -> None:
    """Counts what became of events. Call it once their transaction has committed."""
    for result in results:
        if result.outcome is Outcome.CREATED and result.event is not None:
            EVENTS.labels(result.event.kind).inc()
        else:
            REFUSED.labels(result.outcome.value).inc()


def observe_visible(received: Sequence[datetime]) -> None:
    """The lists of the people of events that were received then are invalid from now on.

    Nothing is counted while Redis has not taken the tokens; the sweep counts the events that it announces.
    """
    if received and not has_pending():
        now = timezone.now()
        for moment in received:
            VISIBLE.observe(max(0.0, (now - moment).total_seconds()))

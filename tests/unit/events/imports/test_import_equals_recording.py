"""The same events leave the same rows and ratings behind, imported from a file or recorded."""

import json
from datetime import UTC, datetime

import pytest
from django.core.management import call_command

from events.models import Interaction, Rating
from events.new_events import NewEvent
from events.recording import interactions_record
from tests.factories import make_movie, make_user

pytestmark = pytest.mark.django_db


def day(number):
    return datetime(2024, 1, number, tzinfo=UTC)


def record(user, movie, events):
    interactions_record(
        [
            NewEvent(user_id=user.pk, movie_id=movie.pk, kind=kind, occurred_at=day(number), **rest)
            for kind, number, rest in events
        ]
    )


def import_lines(user, movie, events, path):
    lines = [
        {"user_id": user.pk, "movie_id": movie.pk, "kind": kind, "occurred_at": day(number).isoformat(), **rest}
        for kind, number, rest in events
    ]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    call_command("import_events", str(path), verbosity=0)


def left_behind(user):
    events = [
        (event.kind, event.value, event.progress, event.occurred_at.day, event.undo, event.undone_at is not None)
        for event in Interaction.objects.filter(user=user).order_by("occurred_at", "pk")
    ]
    return events, list(Rating.objects.filter(user=user).values_list("value", "rated_at"))


UNDO = {"undo": True}
CASES = {
    "undo of a rating without an event": (2, [("rating", 5, UNDO)]),
    "undo of a rating in place of one without": (2, [("rating", 3, {"value": 5}), ("rating", 5, UNDO)]),
    "a second undo": (2, [("rating", 3, {"value": 5}), ("rating", 5, UNDO), ("rating", 6, UNDO)]),
    "undo of two ratings": (None, [("rating", 3, {"value": 5}), ("rating", 4, {"value": 1}), ("rating", 5, UNDO)]),
    "an undo before the rating": (2, [("rating", 5, UNDO), ("rating", 3, {"value": 5})]),
    "a rating after an undo": (2, [("rating", 3, {"value": 5}), ("rating", 5, UNDO), ("rating", 6, {"value": 4})]),
    "undo older than the rating": (6, [("rating", 3, {"value": 5}), ("rating", 5, UNDO)]),
    "undo of parts": (None, [("watch", 3, {"progress": 0.5}), ("watch", 4, {"progress": 0.9}), ("watch", 5, UNDO)]),
    "undo of another kind": (None, [("like", 3, {}), ("hide", 4, {}), ("like", 5, UNDO)]),
}


@pytest.mark.parametrize("together", [True, False], ids=["together", "one by one"])
@pytest.mark.parametrize(("rated_on", "events"), CASES.values(), ids=CASES)
def test_imported_and_recorded_events_are_the_same(together, rated_on, events, tmp_path):
    movie, recording, importing = make_movie(), make_user("a@example.org"), make_user("b@example.org")
    if rated_on:
        for user in (recording, importing):
            Rating.objects.create(user=user, movie=movie, value=3, rated_at=day(rated_on))
    for batch in [events] if together else [[event] for event in events]:
        record(recording, movie, batch)
        import_lines(importing, movie, batch, tmp_path / f"{batch[0][1]}.jsonl")
    assert left_behind(importing) == left_behind(recording)
    assert len(left_behind(importing)[0]) >= len(events)

"""Records many events at once: each once, with the ratings that follow from them, in a handful of statements.

Everything of a call is one transaction. Locks are taken in one order, so that two calls never wait for each other: the
people (by id), the ids of the events (by person and id), the ratings (by person and movie), and the events that are
taken back (by id).
"""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

import numpy as np
from django.db import connection, transaction
from django.db.models import Q
from django.utils import timezone

from accounts.privacy.pausing import users_lock_to_record
from events.event_metrics import count_events, observe_visible
from events.kinds import Kind
from events.list_invalidation import invalidate_users_on_commit
from events.models import Interaction
from events.new_events import EventResult, NewEvent, Outcome, event_errors, in_utc, no_movie, stored_kind
from events.rating_ledger import RatingChange, ratings_keep, ratings_update
from events.taking_back import COMES_LATE, events_take_back
from movies.merging.aliases import movies_merged_into
from movies.models import Movie

# Ids follow the order of the events, because of two events at one time the one received later counts; the rows are
# inserted in the order of their unique key, so that two calls with the same events do not wait for each other. An event
# of a merged movie is one of the movie it was merged into. The movie is locked, so that an event comes entirely before
# or after a merge.
_INSERT = f"""
    WITH given AS MATERIALIZED (
        SELECT nextval('events_interaction_id_seq') AS id, user_id, coalesce(
            (SELECT named.merged_into_id FROM movies_movie named WHERE named.id = event.movie_id), event.movie_id
        ) AS movie_id, kind, value, progress, occurred_at, event_id, recommendation_id, source, undo
        FROM unnest(
            %(user)s::bigint[], %(movie)s::bigint[], %(kind)s::varchar[], %(value)s::float8[], %(progress)s::real[],
            %(occurred)s::timestamptz[], %(event)s::uuid[], %(list)s::uuid[], %(source)s::varchar[], %(undo)s::bool[]
        ) AS event (user_id, movie_id, kind, value, progress, occurred_at, event_id, recommendation_id, source, undo)
    )
    INSERT INTO events_interaction (
        id, user_id, movie_id, kind, value, progress, occurred_at, event_id, recommendation_id, source, undo,
        received_at, undone_at
    )
    SELECT given.*, %(received)s, CASE WHEN given.undo OR {COMES_LATE} THEN %(received)s::timestamptz END
    FROM given JOIN movies_movie movie ON movie.id = given.movie_id
        AND (movie.status = %(published)s OR (given.undo AND movie.merged_into_id IS NULL))
    ORDER BY given.user_id, given.event_id
    FOR KEY SHARE OF movie
    ON CONFLICT (user_id, event_id) DO NOTHING
    RETURNING id, user_id, movie_id, event_id, undone_at
"""  # noqa: S608 -- no input in it.
_STORED = """
    SELECT stored.* FROM unnest(%s::bigint[], %s::uuid[]) AS key (user_id, event_id)
    JOIN events_interaction stored ON stored.user_id = key.user_id AND stored.event_id = key.event_id
"""

_FIELDS = [column.attname for column in Interaction._meta.concrete_fields]

Key = tuple[int, uuid.UUID]


@dataclass(slots=True)
class _Row:
    """An event on its way into the table. ``stored`` once it is there; ``created`` if this call put it there."""

    given: NewEvent
    kind: str
    event_id: uuid.UUID
    occurred_at: datetime
    stored: Interaction | None = None
    created: bool = False

    @property
    def key(self) -> Key:
        return self.given.user_id, self.event_id


def interactions_record(
    events: Sequence[NewEvent], *, refused: Mapping[int, dict[str, str]] | None = None
) -> list[EventResult]:
    """Stores each event, or says why not; one result for each, in their order. One event fails without the others.

    A rating also becomes the person's rating of the movie, unless theirs is newer. An undo takes back the person's
    earlier events of the kind and movie (of a watch, also the parts that were watched). An event with an ``event_id``
    that is stored counts as repeated, with the same content, or as a conflict. A time in the future, within
    FUTURE_TOLERANCE, comes from a clock ahead of ours and becomes the moment of receipt: unchanged, it would be newer
    than what the person does next. People's cached lists become invalid when the transaction commits, in one round
    trip.

    refused: errors, by position, of events that the caller refuses unless they are stored already.

    Three statements, and up to four more where there are ratings, undos or repeated events, however many events.
    """
    received_at = timezone.now()
    refused = refused or {}
    results: list[EventResult | None] = [None] * len(events)
    rows: dict[int, _Row] = {}
    for place, event in enumerate(events):
        if errors := event_errors(event, received_at):
            results[place] = EventResult(outcome=Outcome.INVALID, errors=errors)
            continue
        moment = received_at if event.occurred_at is None else min(in_utc(event.occurred_at), received_at)
        rows[place] = _Row(event, stored_kind(event), event.event_id or uuid.uuid4(), moment)
    if rows:
        with transaction.atomic():
            for place, result in _record(rows, refused, received_at).items():
                results[place] = result
    found = [result for result in results if result is not None]
    received = [result.event.received_at for result in found if result.outcome is Outcome.CREATED and result.event]
    # After the tokens, which the transaction's commit sets.
    transaction.on_commit(partial(observe_visible, received))
    transaction.on_commit(partial(count_events, found))
    return found


def _record(
    rows: dict[int, _Row], refused: Mapping[int, dict[str, str]], received_at: datetime, *, again: bool = True
) -> dict[int, EventResult]:
    """Stores the rows, by their places; in a transaction. again: whether to repeat those that a merge has outrun."""
    undoing = any(row.given.undo for row in rows.values())
    people = users_lock_to_record(user_ids={row.given.user_id for row in rows.values()}, alone=undoing)
    first: dict[Key, _Row] = {}
    for place, row in rows.items():
        if people.get(row.given.user_id) and place not in refused:
            first.setdefault(row.key, row)
    if first:
        _insert(list(first.values()), received_at)
        created = [row for row in first.values() if row.created]
        changes = _rating_changes(created)
        ratings_keep(changes, at=received_at)
        _take_back(created, received_at)
        ratings_update(changes, at=received_at)
    rest = [row for row in rows.values() if not row.created and row.given.event_id is not None]
    stored = _stored({row.key for row in rest})
    known = _Known(
        people,
        published=_published(
            {row.given.movie_id for row in rows.values() if not row.created and row.key not in stored}
        ),
        merged=movies_merged_into({row.given.movie_id for row in rest if _names_another(row, stored.get(row.key))}),
    )
    results = {place: _result(row, stored.get(row.key), refused.get(place), known) for place, row in rows.items()}
    # A merge came between reading the movie and locking it: now it leads to the other movie.
    outrun = {
        place: row
        for place, row in rows.items()
        if again and place not in refused and people.get(row.given.user_id) and not row.created
        if row.key not in stored and row.given.movie_id in known.published
    }
    if outrun:
        results |= _record(outrun, refused, received_at, again=False)
    touched = [result.event for result in results.values() if result.event is not None]
    invalidate_users_on_commit([(event.pk, event.user_id) for event in touched])
    return results


def _insert(rows: list[_Row], received_at: datetime) -> None:
    """Inserts what is not stored yet and whose movie takes events, and marks it as created. One statement."""
    columns: dict[str, Any] = {
        "user": [row.given.user_id for row in rows],
        "movie": [row.given.movie_id for row in rows],
        "kind": [row.kind for row in rows],
        "value": [row.given.value for row in rows],
        "progress": [row.given.progress for row in rows],
        "occurred": [row.occurred_at for row in rows],
        "event": [row.event_id for row in rows],
        "list": [row.given.recommendation_id for row in rows],
        "source": [row.given.source for row in rows],
        "undo": [row.given.undo for row in rows],
    }
    by_key = {row.key: row for row in rows}
    with connection.prepared_cursor() as cursor:  # type: ignore[attr-defined]
        cursor.execute(_INSERT, {**columns, "received": received_at, "published": Movie.Status.PUBLISHED.value})
        for pk, user_id, movie_id, event_id, undone_at in cursor.fetchall():
            row = by_key[user_id, event_id]
            row.created, row.stored = True, _interaction(row, pk, movie_id, received_at, undone_at)


def _interaction(row: _Row, pk: int, movie_id: int, received_at: datetime, undone_at: datetime | None) -> Interaction:
    given = row.given
    values = {
        "id": pk,
        "event_id": row.event_id,
        "user_id": given.user_id,
        "movie_id": movie_id,
        "kind": row.kind,
        "value": given.value,
        "progress": _as_real(given.progress),
        "occurred_at": row.occurred_at,
        "received_at": received_at,
        "recommendation_id": given.recommendation_id,
        "source": given.source,
        "undo": given.undo,
        "undone_at": undone_at,
    }
    # In order, a model takes its values in half the time.
    return Interaction.from_db(connection.alias, _FIELDS, [values[name] for name in _FIELDS])


def _rating_changes(rows: list[_Row]) -> list[RatingChange]:
    return [
        RatingChange(
            *(row.given.user_id, row.stored.movie_id, row.given.value, row.occurred_at),
            undo=row.given.undo,
            late=row.stored.undone_at is not None and not row.given.undo,
        )
        for row in rows
        if row.kind == Kind.RATING and row.stored is not None
    ]


def _take_back(rows: list[_Row], at: datetime) -> None:
    """Takes back what the undos among the rows say; at most one statement."""
    undos = [row.stored.pk for row in rows if row.given.undo and row.stored is not None]
    if not undos:
        return
    taken = events_take_back(undo_ids=undos, at=at)
    for row in rows:
        if row.stored is not None and row.stored.pk in taken:
            row.stored.undone_at = at


def _stored(keys: set[Key]) -> dict[Key, Interaction]:
    """The stored events of these keys. One query, if there are keys."""
    if not keys:
        return {}
    ordered = sorted(keys)
    found = Interaction.objects.raw(_STORED, [[key[0] for key in ordered], [key[1] for key in ordered]])
    return {(event.user_id, event.event_id): event for event in found}


def _published(movie_ids: set[int]) -> set[int]:
    """Those of the ids that are of a published movie, or lead to one. One query, if there are ids."""
    if not movie_ids:
        return set()
    published = Movie.Status.PUBLISHED
    listed = Movie.objects.filter(Q(status=published) | Q(merged_into__status=published), pk__in=movie_ids)
    return set(listed.values_list("pk", flat=True))


@dataclass(frozen=True, slots=True)
class _Known:
    """What decides on rows that were not inserted.

    people: whether each person who exists takes events; published: see ``_published``; merged: where movies that are
    not the stored event's lead.
    """

    people: Mapping[int, bool]
    published: set[int]
    merged: Mapping[int, int]


def _result(row: _Row, stored: Interaction | None, refusal: dict[str, str] | None, known: _Known) -> EventResult:
    """What became of one row."""
    given = row.given
    if row.created:
        return EventResult(outcome=Outcome.CREATED, event=row.stored)
    if given.user_id not in known.people:
        return EventResult(outcome=Outcome.GONE)
    if stored is not None:
        same = _same_content(row, stored, known.merged)
        return EventResult(outcome=Outcome.REPEATED, event=stored) if same else EventResult(outcome=Outcome.CONFLICT)
    if given.movie_id not in known.published and not given.undo:
        errors = {"movie": no_movie(given.movie_id)}
        return EventResult(outcome=Outcome.INVALID, errors=errors)
    if not known.people[given.user_id]:
        return EventResult(outcome=Outcome.PAUSED)
    # An undo fails only where there is no such movie at all.
    errors = refusal or {"movie": f"There is no movie {given.movie_id}."}
    return EventResult(outcome=Outcome.INVALID, errors=errors)


def _names_another(row: _Row, stored: Interaction | None) -> bool:
    return stored is not None and stored.movie_id != row.given.movie_id


def _same_content(row: _Row, stored: Interaction, merged: Mapping[int, int]) -> bool:
    given = row.given
    content = {
        "movie_id": merged.get(given.movie_id, given.movie_id),
        "kind": row.kind,
        "value": given.value,
        "progress": _as_real(given.progress),
        "recommendation_id": given.recommendation_id,
        "source": given.source,
        "undo": given.undo,
    }
    if any(getattr(stored, name) != sent for name, sent in content.items()):
        return False
    # A caller that sends no time means "now", which differs between attempts; one whose clock is ahead sends the time
    # that was clamped when the event first came.
    return given.occurred_at is None or min(in_utc(given.occurred_at), stored.received_at) == stored.occurred_at


def _as_real(number: float | None) -> float | None:
    """The number as a column of four-byte floats returns it."""
    return None if number is None else float(str(np.float32(number)))

"""Reads of what people did."""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from django.db import connection
from django.db.models import Exists, OuterRef, Q, QuerySet

from accounts.models import User
from events.kinds import KIND_TABLE, Kind
from events.models import Interaction
from movies.selectors import Card, cards_listed, title_card

# After any other kind of event the person has seen the movie, or does not want to.
NOT_SEEN_BY = frozenset(kind for kind, row in KIND_TABLE.items() if not row.seen)
_NOT_SEEN_BY = [kind.value for kind in NOT_SEEN_BY]
_PRECEDENCE: dict[str, int] = {kind.value: row.precedence for kind, row in KIND_TABLE.items()}
# What a person is shown of an event of theirs.
_EVENT = (
    *("event_id", "user_id", "movie_id", "kind", "value", "progress", "occurred_at", "recommendation_id"),
    *("source", "undo", "undone_at"),
)
# Every missed list runs these; building them as querysets took longer than PostgreSQL takes to answer.
_SEEN = """
    ARRAY(SELECT movie_id FROM events_rating WHERE user_id = %(user)s)
    || ARRAY(SELECT movie_id FROM events_interaction
        WHERE user_id = %(user)s AND undone_at IS NULL AND kind <> ALL(%(not_seen_by)s::text[]))
"""
# Movie, kind, value, time; the last row has the seen movies alone.
HISTORY = f"""
    (SELECT movie_id, %(rating)s::text, value, rated_at, NULL::bigint[] FROM events_rating
        WHERE user_id = %(user)s ORDER BY rated_at DESC, movie_id DESC LIMIT %(newest)s)
    UNION ALL
    (SELECT movie_id, kind, value, occurred_at, NULL FROM events_interaction
        WHERE user_id = %(user)s AND undone_at IS NULL AND kind <> %(rating)s
        ORDER BY occurred_at DESC, id DESC LIMIT %(newest)s)
    UNION ALL
    SELECT NULL, NULL, NULL, NULL, {_SEEN}
"""  # noqa: S608 -- no input in it.
_HISTORIES = f"""
    SELECT person.id, history.* FROM unnest(%(users)s::bigint[]) person (id),
    LATERAL ({HISTORY.replace("%(user)s", "person.id")}) history
"""  # noqa: S608 -- no input in it.


class Signal(NamedTuple):
    """The rating or event that counts for one person and one movie."""

    movie_id: int
    kind: str
    value: float | None
    occurred_at: datetime


def events_of(user: User) -> QuerySet[Interaction]:
    """The person's own events, newest first, with the titles of their movies."""
    events = Interaction.objects.filter(user=user).select_related("movie")
    return events.only(*_EVENT, "movie__title").order_by("-occurred_at", "-id")


def shelf_of(user: User, kind: Kind) -> QuerySet[Interaction]:
    """The person's newest active event of this kind for each movie, newest first.

    Of parts that were watched, only where no later event says that the movie was seen or is unwanted.
    """
    later = Interaction.objects.filter(user=user, movie=OuterRef("movie"), undone_at=None)
    newer = Q(occurred_at__gt=OuterRef("occurred_at")) | Q(occurred_at=OuterRef("occurred_at"), pk__gt=OuterRef("pk"))
    replaced = later.filter(newer, kind=kind)
    shelf = events_of(user).filter(~Exists(replaced), kind=kind, undone_at=None)
    if kind is Kind.PARTIAL:
        seen = later.filter(newer).exclude(kind__in=_NOT_SEEN_BY)
        shelf = shelf.filter(~Exists(seen))
    return shelf


def event_cards(events: Iterable[Interaction], expand: Collection[str] = ()) -> dict[int, Card]:
    """The card of each event's movie, by movie id, with what ``expand`` adds; the title alone of a movie that is not
    published. One query, and those of ``movie_expansions``, if the events come from ``events_of``."""
    named = {event.movie_id: event for event in events}
    cards = {card["id"]: card for card in cards_listed(list(named), expand)}
    return {pk: cards.get(pk) or title_card(pk, event.movie.title, expand) for pk, event in named.items()}


def seen_movie_ids(user_id: int) -> set[int]:
    """Movies that must not be recommended to this person: rated, or with an event of a ``seen`` kind. One query."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {_SEEN}", {"user": user_id, "not_seen_by": _NOT_SEEN_BY})
        return set(cursor.fetchone()[0])


def history(user_id: int, limit: int) -> tuple[list[Signal], set[int]]:
    """The person's signals about the ``limit`` movies they interacted with last, newest first, one for each movie; and
    the movies they have seen, as in ``seen_movie_ids``. One query.

    Of several events with one movie, the newest of the highest precedence counts: see ``events.kinds``.
    """
    with connection.prepared_cursor() as cursor:  # type: ignore[attr-defined]
        cursor.execute(HISTORY, history_values(user_id, limit))
        return history_of_rows(cursor.fetchall(), limit)


def history_values(user_id: int, limit: int) -> dict[str, Any]:
    """The parameters of HISTORY."""
    return {"user": user_id, **_newest(limit)}


def histories(user_ids: Collection[int], limit: int) -> dict[int, tuple[list[Signal], set[int]]]:
    """``history`` of several people, by user id. One query."""
    rows: dict[int, list[tuple[Any, ...]]] = {}
    with connection.cursor() as cursor:
        cursor.execute(_HISTORIES, {"users": list(user_ids), **_newest(limit)})
        for user_id, *row in cursor:
            rows.setdefault(user_id, []).append(tuple(row))
    return {user_id: history_of_rows(of_one, limit) for user_id, of_one in rows.items()}


def _newest(limit: int) -> dict[str, Any]:
    # A rating event is in both tables, so twice the limit still gives `limit` movies unless one movie has many.
    return {"rating": Kind.RATING.value, "newest": 2 * limit, "not_seen_by": _NOT_SEEN_BY}


def history_of_rows(rows: Sequence[tuple[Any, ...]], limit: int) -> tuple[list[Signal], set[int]]:
    """``history`` from the rows of HISTORY: signals, and seen movies, which are in the row without a movie."""
    seen = next(row[4] for row in rows if row[0] is None)
    return latest_per_movie(Signal(*row[:4]) for row in rows if row[0] is not None)[:limit], set(seen)


def latest_per_movie(signals: Iterable[Signal]) -> list[Signal]:
    """The signal that counts for each movie, newest first; at equal times the highest movie id first."""
    chosen: dict[int, Signal] = {}
    # Rows come newest first, ratings before events: of two at one time the one received later stays first, and counts.
    for signal in sorted(signals, key=_importance, reverse=True):
        chosen.setdefault(signal.movie_id, signal)
    return sorted(chosen.values(), key=lambda signal: (signal.occurred_at, signal.movie_id), reverse=True)


def _importance(signal: Signal) -> tuple[int, datetime]:
    return _PRECEDENCE[signal.kind], signal.occurred_at

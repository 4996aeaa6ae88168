"""How many people lately voted for each movie, against the time before."""

from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from django.db import connection

from events.kinds import KIND_TABLE, OPINION_EVENTS, POSITIVE_FROM, VOTE_EVENTS, Kind, KindRow

# How many windows before the newest one say what is usual.
USUAL_WINDOWS = 4
# What one person alone voted for is not a trend.
MIN_PEOPLE_A_MOVIE = 2
# Votes read from each table to find a window that has enough of them: first a few, which nearly always do, then more.
_PIECES = (200, 5_000, 100_000)


def _sql(kinds: Iterable[Kind]) -> str:
    """A list or row of kinds in parentheses; literals, because parameters would hide the partial indexes."""
    return "(" + (", ".join(f"'{kind}'" for kind in kinds) or "NULL") + ")"


def _sql_pairs(holds: Callable[[KindRow, KindRow], bool]) -> str:
    """Pairs of a vote's kind and another event's kind for which ``holds(vote, other)``, for ``(a, b) IN``."""
    pairs = [
        (vote, other) for vote in VOTE_EVENTS for other in OPINION_EVENTS if holds(KIND_TABLE[vote], KIND_TABLE[other])
    ]
    return "(" + (", ".join(map(_sql, pairs)) or "(NULL, NULL)") + ")"


def _outranked(vote: KindRow, other: KindRow) -> bool:
    """Whether the other event takes the place of the vote, newer or older."""
    return other.precedence > vote.precedence


def _kept(vote: KindRow, other: KindRow) -> bool:
    """Whether the vote stands even where the other event is newer."""
    return other.precedence < vote.precedence and not other.withdraws


# A person's vote for a movie is their newest judgement of it (rating, like, dislike) if that is positive, or without
# one that they watched it; hiding the movie later withdraws the vote. So a person has at most one vote for a movie, and
# none where they changed their mind since, however long ago they voted. A rating event is also in events_rating.
_RATING = KIND_TABLE[Kind.RATING]
_REPLACE_RATING = [kind for kind in OPINION_EVENTS if not _kept(_RATING, KIND_TABLE[kind])]
_BELOW_RATING = [kind for kind in VOTE_EVENTS if _outranked(KIND_TABLE[kind], _RATING)]
_RATING_VOTES = f"""
    SELECT user_id, movie_id, rated_at AS at FROM events_rating vote
    WHERE value >= %(positive)s AND rated_at <= %(until)s AND rated_at > %(first)s
        AND NOT EXISTS (
            SELECT FROM events_interaction later
            WHERE later.user_id = vote.user_id AND later.movie_id = vote.movie_id
                AND later.kind IN {_sql(_REPLACE_RATING)} AND later.occurred_at > vote.rated_at
        )
"""  # noqa: S608 -- no input in it.
_EVENT_VOTES = f"""
    SELECT user_id, movie_id, occurred_at AS at FROM events_interaction vote
    WHERE kind IN {_sql(VOTE_EVENTS)} AND occurred_at <= %(until)s AND occurred_at > %(first)s
        AND NOT EXISTS (
            SELECT FROM events_interaction other
            WHERE other.user_id = vote.user_id AND other.movie_id = vote.movie_id
                AND other.kind IN {_sql(OPINION_EVENTS)}
                AND CASE
                    WHEN (vote.kind, other.kind) IN {_sql_pairs(_outranked)} THEN true
                    WHEN (vote.kind, other.kind) IN {_sql_pairs(_kept)} THEN false
                    ELSE (other.occurred_at, other.id) > (vote.occurred_at, vote.id)
                END
        )
        AND NOT EXISTS (
            SELECT FROM events_rating rating
            WHERE rating.user_id = vote.user_id AND rating.movie_id = vote.movie_id
                AND (vote.kind IN {_sql(_BELOW_RATING)} OR rating.rated_at >= vote.occurred_at)
        )
"""  # noqa: S608 -- no input in it.
_COUNTS = f"""
    SELECT movie_id, count(*) FILTER (WHERE at > %(since)s) AS recent, count(*) FILTER (WHERE at <= %(since)s) AS before
    FROM ({_RATING_VOTES} UNION ALL {_EVENT_VOTES}) AS votes
    GROUP BY movie_id
    HAVING count(*) FILTER (WHERE at > %(since)s) >= %(people)s
"""  # noqa: S608 -- no input in it.
_NEWEST = f"""
    (SELECT 0, user_id, at FROM ({_RATING_VOTES} ORDER BY rated_at DESC LIMIT %(piece)s) AS ratings)
    UNION ALL
    (SELECT 1, user_id, at FROM ({_EVENT_VOTES} ORDER BY occurred_at DESC LIMIT %(piece)s) AS events)
"""  # noqa: S608 -- no input in it.
_EVER: dict[str, Any] = {"positive": POSITIVE_FROM, "first": "-infinity"}


@dataclass(frozen=True)
class Trend:
    """People who voted for a movie: in the newest window, and before it in USUAL_WINDOWS windows together."""

    movie_id: int
    recent: int
    before: int

    @property
    def score(self) -> float:
        """How far the newest window stands out from what is usual, in its standard deviations (counts are Poisson)."""
        usual = self.before / USUAL_WINDOWS
        return (self.recent - usual) / (usual + 1) ** 0.5


class _Vote(NamedTuple):
    user_id: int
    at: datetime


def movie_trends(*, until: datetime, window: timedelta) -> list[Trend]:
    """The movies that MIN_PEOPLE_A_MOVIE or more voted for in the ``window`` that ends ``until``, in no order.

    One query, over the votes of five windows.
    """
    since = until - window
    params: dict[str, Any] = {
        **_EVER,
        "first": since - USUAL_WINDOWS * window,
        "since": since,
        "until": until,
        "people": MIN_PEOPLE_A_MOVIE,
    }
    with connection.cursor() as cursor:
        cursor.execute(_COUNTS, params)
        return [Trend(*row) for row in cursor.fetchall()]


def newest_window_end(*, now: datetime, window: timedelta, votes: int, people: int) -> datetime | None:
    """The end of the newest ``window`` that has so many votes by so many different people; None if there is none.

    ``now`` where the window before it has enough, else the time of its last vote. Reads the newest votes alone, by
    their indexes, and no more than 100,000 of each table: one to three queries.
    """
    for piece in _PIECES:
        newest, whole = _newest_votes(now, piece)
        recent = [vote for vote in newest if vote.at > now - window]
        if len(recent) >= votes and len({vote.user_id for vote in recent}) >= people:
            return now
        if (end := _enough_before(newest, window, votes, people)) is not None or whole:
            return end
    return None


def _newest_votes(now: datetime, piece: int) -> tuple[list[_Vote], bool]:
    """The newest votes until ``now``, newest first, and whether these are all there are."""
    tables: tuple[list[_Vote], list[_Vote]] = ([], [])
    with connection.cursor() as cursor:
        cursor.execute(_NEWEST, {**_EVER, "until": now, "piece": piece})
        for table, user_id, at in cursor:
            tables[table].append(_Vote(user_id, at))
    cut = [min(vote.at for vote in found) for found in tables if len(found) == piece]
    # Where a table had more, the other's older votes would stand alone.
    known = [vote for found in tables for vote in found if not cut or vote.at >= max(cut)]
    return sorted(known, key=lambda vote: vote.at, reverse=True), not cut


def _enough_before(newest: Sequence[_Vote], window: timedelta, votes: int, people: int) -> datetime | None:
    """The time of the newest vote that ends a window with enough votes by enough people."""
    ends = [-vote.at.timestamp() for vote in newest]
    span = window.total_seconds()
    inside: Counter[int] = Counter()
    filled = 0
    for start, vote in enumerate(newest):
        if start:
            leaving = newest[start - 1].user_id
            inside[leaving] -= 1
            if not inside[leaving]:
                del inside[leaving]
        stop = bisect_left(ends, ends[start] + span, lo=filled)
        for entering in newest[filled:stop]:
            inside[entering.user_id] += 1
        filled = stop
        if filled - start >= votes and len(inside) >= people:
            return vote.at
    return None

"""How many people voted for each movie recently, compared with the time before."""

from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from django.db import connection

from events.kinds import KIND_TABLE, OPINION_EVENTS, POSITIVE_FROM, VOTE_EVENTS, Kind, KindRow
from events.weights import AGE_FACTOR_SQL, EventWeights

# The windows before the newest one that give the baseline.
BASELINE_WINDOWS = 4
# A movie that one person alone voted for is not a trend.
MIN_PEOPLE_A_MOVIE = 2
# Votes read from each table to find a window that has enough: first a few, which are nearly always enough, then more.
_BATCH_SIZES = (200, 5_000, 100_000)


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
    SELECT user_id, movie_id, '{Kind.RATING}' AS kind, rated_at AS at FROM events_rating vote
    WHERE value >= %(positive)s AND rated_at <= %(until)s AND rated_at > %(first)s
        AND NOT EXISTS (
            SELECT FROM events_interaction later
            WHERE later.user_id = vote.user_id AND later.movie_id = vote.movie_id
                AND later.kind IN {_sql(_REPLACE_RATING)} AND later.occurred_at > vote.rated_at
                AND later.undone_at IS NULL
        )
"""  # noqa: S608 -- no input in it.
_EVENT_VOTES = f"""
    SELECT user_id, movie_id, kind, occurred_at AS at FROM events_interaction vote
    WHERE kind IN {{voting}} AND occurred_at <= %(until)s AND occurred_at > %(first)s
        AND undone_at IS NULL
        AND NOT EXISTS (
            SELECT FROM events_interaction other
            WHERE other.user_id = vote.user_id AND other.movie_id = vote.movie_id
                AND other.kind IN {_sql(OPINION_EVENTS)} AND other.undone_at IS NULL
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
# A vote counts by the votes of its kind, less with age where its kind has a half-life.
_COUNTS = f"""
    SELECT movie_id, coalesce(sum(counted) FILTER (WHERE at > %(since)s), 0) AS recent,
        coalesce(sum(counted) FILTER (WHERE at <= %(since)s), 0) AS before
    FROM (
        SELECT movie_id, at, votes * ({AGE_FACTOR_SQL}) AS counted
        FROM (
            SELECT movie_id, kind, at, extract(epoch FROM %(until)s - at)::float8 AS age
            FROM ({{votes}}) AS votes
        ) AS aged
        JOIN unnest(%(kinds)s::text[], %(votes)s::float8[], %(half_lives)s::float8[])
            AS terms (kind, votes, half_life) USING (kind)
    ) AS votes
    GROUP BY movie_id
    HAVING count(*) FILTER (WHERE at > %(since)s) >= %(people)s
"""  # noqa: S608 -- no input in it.
_NEWEST_RATINGS = f"""
    SELECT 0, user_id, at FROM ({_RATING_VOTES} ORDER BY rated_at DESC LIMIT %(limit)s) AS ratings
"""  # noqa: S608 -- no input in it.
_NEWEST_EVENTS = f"""
    SELECT 1, user_id, at FROM ({_EVENT_VOTES} ORDER BY occurred_at DESC LIMIT %(limit)s) AS events
"""  # noqa: S608 -- no input in it.
_ALL_TIME: dict[str, Any] = {"positive": POSITIVE_FROM, "first": "-infinity"}


@dataclass(frozen=True)
class Trend:
    """Votes for a movie, at most one of each person: in the newest window, and in the BASELINE_WINDOWS before it
    together.
    """

    movie_id: int
    recent: float
    before: float

    @property
    def score(self) -> float:
        """How far the newest window is above the baseline, in standard deviations (counts are Poisson)."""
        baseline = self.before / BASELINE_WINDOWS
        return (self.recent - baseline) / (baseline + 1) ** 0.5


class _Vote(NamedTuple):
    user_id: int
    at: datetime


def movie_trends(*, until: datetime, window: timedelta, weights: EventWeights | None = None) -> list[Trend]:
    """The movies that MIN_PEOPLE_A_MOVIE people or more voted for in the ``window`` that ends at ``until``, unordered.

    weights: the votes of each kind. One query, over the votes of five windows.
    """
    weights = weights or EventWeights()
    counts, half_lives = weights.votes(), weights.half_lives()
    tables = _voting_tables(counts, _RATING_VOTES, _EVENT_VOTES)
    if not tables:
        return []
    since = until - window
    params: dict[str, Any] = {
        **_ALL_TIME,
        "first": since - BASELINE_WINDOWS * window,
        "since": since,
        "until": until,
        "people": MIN_PEOPLE_A_MOVIE,
        "kinds": [kind.value for kind in counts],
        "votes": list(counts.values()),
        "half_lives": [half_lives.get(kind.value) for kind in counts],
    }
    with connection.cursor() as cursor:
        cursor.execute(_COUNTS.format(votes=" UNION ALL ".join(tables)), params)
        return [Trend(*row) for row in cursor.fetchall()]


def _voting_tables(counts: Collection[Kind], of_ratings: str, of_events: str) -> list[str]:
    """The query of ratings and that of events, as far as kinds of theirs are among the kinds that vote."""
    voting = [kind for kind in VOTE_EVENTS if kind in counts]
    return [
        *([of_ratings] if Kind.RATING in counts else []),
        *([of_events.format(voting=_sql(voting))] if voting else []),
    ]


def newest_window_end(
    *, now: datetime, window: timedelta, votes: int, people: int, weights: EventWeights | None = None
) -> datetime | None:
    """The end of the newest ``window`` with ``votes`` votes by ``people`` different people; None if there is none.

    ``now`` if the window that ends now has enough, else the time of the window's last vote. Reads only the newest
    votes, by their indexes, and at most 100,000 of each table: one to three queries. weights: which kinds vote.
    """
    tables = _voting_tables((weights or EventWeights()).votes(), _NEWEST_RATINGS, _NEWEST_EVENTS)
    for limit in _BATCH_SIZES if tables else ():
        newest, complete = _newest_votes(tables, now, limit)
        recent = [vote for vote in newest if vote.at > now - window]
        if len(recent) >= votes and len({vote.user_id for vote in recent}) >= people:
            return now
        if (end := _window_end(newest, window, votes, people)) is not None or complete:
            return end
    return None


def _newest_votes(queries: Sequence[str], now: datetime, limit: int) -> tuple[list[_Vote], bool]:
    """Up to ``limit`` votes of each query until ``now``, newest first, and whether these are all there are."""
    tables: tuple[list[_Vote], list[_Vote]] = ([], [])
    with connection.cursor() as cursor:
        cursor.execute(
            " UNION ALL ".join(f"({query})" for query in queries), {**_ALL_TIME, "until": now, "limit": limit}
        )
        for table, user_id, at in cursor:
            tables[table].append(_Vote(user_id, at))
    cut = [min(vote.at for vote in found) for found in tables if len(found) == limit]
    # If one table has more votes, those of the other that are older than its last one are incomplete.
    known = [vote for found in tables for vote in found if not cut or vote.at >= max(cut)]
    return sorted(known, key=lambda vote: vote.at, reverse=True), not cut


def _window_end(newest: Sequence[_Vote], window: timedelta, votes: int, people: int) -> datetime | None:
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

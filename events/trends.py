"""How many people lately took to each movie, against the time before."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import connection
from django.db.models import Max

from events.models import POSITIVE_FROM, Interaction, Rating

# As a good rating, these are votes for the movie.
POSITIVE_KINDS = [Interaction.Kind.LIKE.value, Interaction.Kind.WATCH.value]
# How many windows before the newest one say what is usual.
USUAL_WINDOWS = 4

# Someone who did several things counts once a movie and window. Imported ratings have no event of their own, and a
# rating event has both rows, so both tables are read.
_COUNTS = """
    SELECT movie_id, count(DISTINCT user_id) FILTER (WHERE at > %(since)s) AS recent,
        count(DISTINCT user_id) FILTER (WHERE at <= %(since)s) AS before
    FROM (
        SELECT user_id, movie_id, occurred_at AS at FROM events_interaction
        WHERE occurred_at > %(first)s AND occurred_at <= %(until)s
            AND (kind = ANY(%(kinds)s) OR value >= %(positive)s)
        UNION ALL
        SELECT user_id, movie_id, rated_at FROM events_rating
        WHERE rated_at > %(first)s AND rated_at <= %(until)s AND value >= %(positive)s
    ) AS votes
    GROUP BY movie_id
    HAVING count(*) FILTER (WHERE at > %(since)s) > 0
"""


@dataclass(frozen=True)
class Trend:
    """People who took to a movie: in the newest window, and before it in USUAL_WINDOWS windows together."""

    movie_id: int
    recent: int
    before: int

    @property
    def score(self) -> float:
        """How far the newest window stands out from what is usual, in its standard deviations (counts are Poisson)."""
        usual = self.before / USUAL_WINDOWS
        return (self.recent - usual) / (usual + 1) ** 0.5


def movie_trends(*, until: datetime, window: timedelta) -> list[Trend]:
    """Every movie somebody took to in the ``window`` that ends ``until``, in no order. Reads the votes of five
    windows."""
    since = until - window
    params: dict[str, Any] = {
        "first": since - USUAL_WINDOWS * window,
        "since": since,
        "until": until,
        "kinds": POSITIVE_KINDS,
        "positive": POSITIVE_FROM,
    }
    with connection.cursor() as cursor:
        cursor.execute(_COUNTS, params)
        return [Trend(*row) for row in cursor.fetchall()]


def newest_feedback_at() -> datetime | None:
    """When anybody last did something or rated a movie well; None when nobody ever did. Two queries."""
    moments = [
        Interaction.objects.aggregate(newest=Max("occurred_at"))["newest"],
        Rating.objects.filter(value__gte=POSITIVE_FROM).aggregate(newest=Max("rated_at"))["newest"],
    ]
    return max((moment for moment in moments if moment is not None), default=None)

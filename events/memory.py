"""What lists remember of a person beside what they have seen: what they were shown lately, and their watchlist."""

from datetime import datetime, timedelta
from typing import Any

from django.db import connection
from django.utils import timezone

from events.attribution.attributing import MAX_LIST_AGE

# The pages of lists that are read, the newest first.
MAX_PAGES = 1_000
_RESTING = """
    WITH page AS MATERIALIZED (
        SELECT recommendation_id, shown_at, start, count FROM events_listimpression
        WHERE user_id = %(user)s AND shown_at > %(since)s ORDER BY shown_at DESC LIMIT %(pages)s
    ), shown AS (
        SELECT movie_id, min(shown_at) AS first_shown, max(shown_at) AS last_shown
        FROM page JOIN events_servedrecommendation list
            ON list.id = page.recommendation_id AND list.served_at > %(oldest)s,
        LATERAL unnest(list.movie_ids[page.start + 1 : page.start + page.count]) AS movie_id
        GROUP BY movie_id
    )
    SELECT movie_id FROM shown
    WHERE NOT EXISTS (
        SELECT FROM events_interaction event
        WHERE event.user_id = %(user)s AND event.movie_id = shown.movie_id AND event.occurred_at >= shown.first_shown
            AND event.undone_at IS NULL
    )
    ORDER BY last_shown, movie_id
"""
_WATCHLIST = """
    SELECT DISTINCT movie_id FROM events_interaction
    WHERE user_id = %(user)s AND kind = 'watchlist' AND undone_at IS NULL
"""


def resting_movie_ids(user_id: int, hours: float, now: datetime | None = None) -> list[int]:
    """The movies that the person was shown within the last ``hours`` and has not acted on since, the longest ago first.

    Any event with the movie is an action, unless it was taken back. One query. A list counts once its log is written.
    """
    since = (now or timezone.now()) - timedelta(hours=hours)
    values: dict[str, Any] = {"user": user_id, "since": since, "oldest": since - MAX_LIST_AGE, "pages": MAX_PAGES}
    with connection.cursor() as cursor:
        cursor.execute(_RESTING, values)
        return [movie_id for (movie_id,) in cursor.fetchall()]


def watchlist_movie_ids(user_id: int) -> set[int]:
    """The movies on the person's watchlist. One query."""
    with connection.cursor() as cursor:
        cursor.execute(_WATCHLIST, {"user": user_id})
        return {movie_id for (movie_id,) in cursor.fetchall()}

"""What lists are made from, as PostgreSQL says: which version is live, and what state the catalogue is in.

Whoever changes either says so through the catalogue's stamp in Redis (movies.stamps), but may die before, or find Redis
away; and a database that was restored from a backup tells nobody. So what is cached also carries this state, and counts
only while it is the same: each process remembers it for a second, and reads it again as soon as the stamp is another.
"""

import time
from typing import NamedTuple

from django.db import connection

from movies.stamps import CATALOGUE, stamp_read
from recommendations.models import ModelVersion

# A change that was not announced is found after so long; each process asks once in so many seconds.
KEPT_SECONDS = 1.0
# The last two tell a database from the one it was before it was restored, whatever its rows say.
_STATE = """
    SELECT
        (SELECT id FROM recommendations_modelversion WHERE status = %(live)s),
        (SELECT bit_xor(token) FROM movies_cacheinvalidation WHERE name = %(catalogue)s),
        pg_relation_filenode('movies_cacheinvalidation'),
        extract(epoch FROM pg_postmaster_start_time())
"""


class DatabaseState(NamedTuple):
    """The state as one word, the catalogue's stamp that it was read after, and when it was, by the monotonic clock."""

    text: bytes
    stamp: bytes
    read_at: float


# Under no stamp there is: it is read with the first.
_UNREAD = DatabaseState(b"", b"", 0.0)
_held: DatabaseState | None = None


def current_state() -> DatabaseState:
    """The state, at most KEPT_SECONDS old, as known without asking for the stamp. One query, if any."""
    held = _held
    if held is None:
        return _UNREAD
    return held if _is_fresh(held) else _read(held.stamp)


def state_under(stamp: bytes) -> DatabaseState:
    """The same, and not older than this stamp of the catalogue."""
    held = _held
    return held if held is not None and held.stamp == stamp and _is_fresh(held) else _read(stamp)


def catalogue_token() -> bytes | None:
    """What a process keeps facts of movies under: the catalogue's stamp and the state. None with Redis away."""
    stamp = stamp_read(CATALOGUE)
    return None if stamp is None else b"%b %b" % (stamp, state_under(stamp).text)


def forget() -> None:
    """Reads the state again the next time, as when the tables were replaced."""
    global _held  # noqa: PLW0603 -- one for the process is what it is for.
    _held = None


def _is_fresh(state: DatabaseState) -> bool:
    return time.monotonic() - state.read_at < KEPT_SECONDS


def _read(stamp: bytes) -> DatabaseState:
    global _held  # noqa: PLW0603
    # Before the query: it may be older than it says, never younger.
    read_at = time.monotonic()
    with connection.hot_cursor() as cursor:  # type: ignore[attr-defined]
        cursor.execute(_STATE, {"live": str(ModelVersion.Status.LIVE), "catalogue": CATALOGUE})
        row = cursor.fetchone()
    _held = state = DatabaseState(":".join(map(str, row)).encode(), stamp, read_at)
    return state

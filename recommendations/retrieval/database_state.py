"""The state in PostgreSQL that cached responses depend on: the live version and all changes of the catalogue.

A change of either also sets the catalogue's version token in Redis (movies.caching.version_tokens). That can fail: the
process is killed, Redis is away, or the database is restored from a backup. Therefore each cached response is stored
with this state and is valid only while the state is the same. Each process caches the state for a second, and reads it
again as soon as the token differs.
"""

import time
from typing import NamedTuple

from django.db import connection

from movies.caching.version_tokens import AVAILABILITY, CATALOGUE, read_token
from recommendations.models import LIVE_VERSION

# How long a process caches the state: the maximum delay before it detects a change whose token was not set.
CACHE_SECONDS = 1.0
# The third value changes when the availability of a movie does. The last two change when a backup is restored, even if
# the rows are the same.
_STATE_SQL = f"""
    SELECT
        (SELECT version.id FROM recommendations_modelversion version WHERE {LIVE_VERSION}),
        (SELECT bit_xor(token) FROM movies_cacheinvalidation WHERE name = %(catalogue)s),
        (SELECT bit_xor(token) FROM movies_cacheinvalidation WHERE name = %(availability)s),
        pg_relation_filenode('movies_cacheinvalidation'),
        extract(epoch FROM pg_postmaster_start_time())
"""  # noqa: S608 -- no input in it.


class DatabaseState(NamedTuple):
    """The state as text, the catalogue's token read before it, and when it was read (time.monotonic, seconds)."""

    text: bytes
    token: bytes
    read_at: float

    @property
    def availability(self) -> bytes:
        """Which windows of availability there are, and of which database; b"None" and more if there never were any."""
        return b":".join(self.text.split(b":")[2:])


# No token is empty, so the first lookup reads the state.
_UNREAD = DatabaseState(b"", b"", 0.0)
_held: DatabaseState | None = None


def current_state() -> DatabaseState:
    """The state, at most CACHE_SECONDS old, without reading the token. At most one query."""
    held = _held
    if held is None:
        return _UNREAD
    return held if _is_fresh(held) else _read(held.token)


def state_under(token: bytes) -> DatabaseState:
    """The state, at most CACHE_SECONDS old and read after this catalogue token. At most one query."""
    held = _held
    return held if held is not None and held.token == token and _is_fresh(held) else _read(token)


def state_read(token: bytes) -> DatabaseState:
    """The state now; ``token``: the catalogue's, read before. One query. For a thread that reads ahead."""
    return _read(token)


def catalogue_token() -> bytes | None:
    """The catalogue's version token and the state: the key of a process's feature cache. None with Redis away."""
    token = read_token(CATALOGUE)
    return None if token is None else b"%b %b" % (token, state_under(token).text)


def clear_cache() -> None:
    """Makes the next call read the state again, for example after the tables have been replaced."""
    global _held  # noqa: PLW0603 -- one for the process is what it is for.
    _held = None


def _is_fresh(state: DatabaseState) -> bool:
    return time.monotonic() - state.read_at < CACHE_SECONDS


def _read(token: bytes) -> DatabaseState:
    global _held  # noqa: PLW0603
    # Before the query, so that the age of the state is never underestimated.
    read_at = time.monotonic()
    with connection.prepared_cursor() as cursor:  # type: ignore[attr-defined]
        cursor.execute(_STATE_SQL, {"catalogue": CATALOGUE, "availability": AVAILABILITY})
        row = cursor.fetchone()
    _held = state = DatabaseState(":".join(map(str, row)).encode(), token, read_at)
    return state

"""The state in PostgreSQL that cached answers depend on: which version is live, and all changes of the catalogue.

A change of either also sets the catalogue's version token in Redis (movies.caching.version_tokens). That may fail: the
process is killed, Redis is away, or the database is restored from a backup. So each cached answer carries this state
and is valid only while it is the same. Each process keeps the state for a second, and reads it again as soon as the
token differs.
"""

import time
from typing import NamedTuple

from django.db import connection

from movies.caching.version_tokens import CATALOGUE, read_token
from recommendations.models import LIVE_VERSION

# How long a process keeps the state, which is how late it may find a change whose token was not set.
CACHE_SECONDS = 1.0
# The last two change when a backup is restored, even if the rows look the same.
_STATE_SQL = f"""
    SELECT
        (SELECT version.id FROM recommendations_modelversion version WHERE {LIVE_VERSION}),
        (SELECT bit_xor(token) FROM movies_cacheinvalidation WHERE name = %(catalogue)s),
        pg_relation_filenode('movies_cacheinvalidation'),
        extract(epoch FROM pg_postmaster_start_time())
"""  # noqa: S608 -- no input in it.


class DatabaseState(NamedTuple):
    """The state as text, the catalogue's token that was read before it, and when it was read (time.monotonic)."""

    text: bytes
    token: bytes
    read_at: float


# No token is empty, so the first lookup reads the state.
_UNREAD = DatabaseState(b"", b"", 0.0)
_held: DatabaseState | None = None


def current_state() -> DatabaseState:
    """The state, at most KEPT_SECONDS old, as known without asking for the token. One query, if any."""
    held = _held
    if held is None:
        return _UNREAD
    return held if _is_fresh(held) else _read(held.token)


def state_under(token: bytes) -> DatabaseState:
    """The same, and not older than this token of the catalogue."""
    held = _held
    return held if held is not None and held.token == token and _is_fresh(held) else _read(token)


def catalogue_token() -> bytes | None:
    """What a process keeps facts of movies under: the catalogue's token and the state. None with Redis away."""
    token = read_token(CATALOGUE)
    return None if token is None else b"%b %b" % (token, state_under(token).text)


def clear_cache() -> None:
    """Reads the state again the next time, as when the tables were replaced."""
    global _held  # noqa: PLW0603 -- one for the process is what it is for.
    _held = None


def _is_fresh(state: DatabaseState) -> bool:
    return time.monotonic() - state.read_at < CACHE_SECONDS


def _read(token: bytes) -> DatabaseState:
    global _held  # noqa: PLW0603
    # Before the query: it may be older than it says, never younger.
    read_at = time.monotonic()
    with connection.prepared_cursor() as cursor:  # type: ignore[attr-defined]
        cursor.execute(_STATE_SQL, {"catalogue": CATALOGUE})
        row = cursor.fetchone()
    _held = state = DatabaseState(":".join(map(str, row)).encode(), token, read_at)
    return state

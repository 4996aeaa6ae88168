"""How far a merge is, in words, in Redis for other processes to read. Without Redis nothing is noted; nothing raises.

A merge runs in one transaction of PostgreSQL, so that nobody sees its rows before it ends; Redis only tells staff that
it runs.
"""

from __future__ import annotations

from typing import Final

import structlog
from django.core.cache import cache
from redis.exceptions import RedisError

logger = structlog.get_logger(__name__)

_SECONDS: Final = 3600


def progress_note(*, merge_id: int, words: str) -> None:
    """Replaces what is known of the merge. One round trip."""
    try:
        cache.set(_key(merge_id), words, _SECONDS)
    except (RedisError, OSError) as error:
        logger.warning("merge_progress_away", merge=merge_id, reason=type(error).__name__)


def progress_forget(*, merge_id: int) -> None:
    """Drops what is known of the merge, which ended. One round trip."""
    try:
        cache.delete(_key(merge_id))
    except (RedisError, OSError) as error:
        logger.warning("merge_progress_away", merge=merge_id, reason=type(error).__name__)


def progress_read(*, merge_id: int) -> str:
    """How far the merge is; empty before it starts, after it ended and without Redis. One round trip."""
    try:
        return str(cache.get(_key(merge_id)) or "")
    except (RedisError, OSError) as error:
        logger.warning("merge_progress_away", merge=merge_id, reason=type(error).__name__)
        return ""


def _key(merge_id: int) -> str:
    return f"movie-merge:{merge_id}"

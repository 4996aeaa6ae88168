"""The sections of the dashboard: each computed by one function, kept in Redis for a while, and shown with its time.

A section that cannot be read is missing, and the others are shown. Without Redis each page computes them.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import orjson
import structlog
from django.core.cache import cache
from django.db import Error, transaction
from django_redis import get_redis_connection
from redis.exceptions import RedisError

logger = structlog.get_logger(__name__)

# Increase it when the form of a section changes, so that a new release never reads what an old one kept.
_FORMAT = 1


@dataclass(frozen=True, slots=True)
class Section:
    """values: plain JSON; as_of: when they were read; problem: why there are none, for staff, else ""."""

    values: dict[str, Any] | None
    as_of: datetime
    problem: str = ""


def section(name: str, seconds: int, compute: Callable[[], dict[str, Any]]) -> Section:
    """The result of ``compute()``, at most ``seconds`` old. Never raises for PostgreSQL or Redis."""
    stored = _stored(name)
    if stored is not None and 0 <= time.time() - stored[0] < seconds:
        return Section(stored[1], datetime.fromtimestamp(stored[0], UTC))
    now = time.time()
    try:
        # A block of its own, so that what fails does not end the transaction of a caller.
        with transaction.atomic():
            values = orjson.loads(orjson.dumps(compute()))
    except (Error, RedisError, OSError) as error:
        logger.warning("dashboard_not_read", section=name, reason=type(error).__name__)
        return Section(None, datetime.fromtimestamp(now, UTC), "This could not be read. Reload the page in a minute.")
    _store(name, now, values, seconds)
    return Section(values, datetime.fromtimestamp(now, UTC))


def section_forget(name: str) -> None:
    """Has the next page compute the section."""
    try:
        get_redis_connection("default").delete(_key(name))
    except (RedisError, OSError):
        logger.warning("dashboard_cache_away", section=name)


def _stored(name: str) -> tuple[float, dict[str, Any]] | None:
    try:
        text = get_redis_connection("default").get(_key(name))
    except (RedisError, OSError):
        logger.warning("dashboard_cache_away", section=name)
        return None
    return None if text is None else tuple(orjson.loads(text))


def _store(name: str, now: float, values: dict[str, Any], seconds: int) -> None:
    try:
        get_redis_connection("default").set(_key(name), orjson.dumps([now, values]), ex=seconds)
    except (RedisError, OSError):
        logger.warning("dashboard_cache_away", section=name)


def _key(name: str) -> str:
    return cache.make_key(f"dashboard:{_FORMAT}:{name}")

"""Redis for lists and limits, and the broker of tasks."""

import time
from collections.abc import Iterator
from typing import Any

from django.conf import settings
from django_redis import get_redis_connection
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from recsys_project.broker import broker_client
from recsys_project.doctor.database import first_line
from recsys_project.doctor.findings import Finding, Level

# The share of maxmemory from which Redis soon evicts, or refuses to write.
_FULL = 0.9
# ZMSCORE and the entries of XINFO that the log of served lists reads (7.0: entries-added).
_OLDEST = (7, 0)


def cache_findings() -> Iterator[Finding]:
    """The Redis of REDIS_URL."""
    try:
        client: Any = get_redis_connection("default")
        started = time.perf_counter()
        client.ping()
        took = (time.perf_counter() - started) * 1000
    except (RedisError, OSError) as error:
        advice = "Start Redis, and compare REDIS_URL with its address and password. Lists are not cached meanwhile."
        yield Finding("redis", Level.PROBLEM, f"Redis does not answer: {first_line(error)}", advice)
        return
    if took / 1000 > settings.REDIS_TIMEOUT / 2:
        text = f"Redis takes {took:.0f} ms to answer; requests give up after {settings.REDIS_TIMEOUT * 1000:.0f} ms."
        yield Finding("redis", Level.WARNING, text, "Look for slow commands (SLOWLOG GET), or move it nearer.")
    yield from _server(client, "redis", never_evicts=False, took=took)


def broker_findings() -> Iterator[Finding]:
    """The broker of CELERY_BROKER_URL, if it is a Redis."""
    try:
        with broker_client() as client:
            if client is None:
                yield Finding("broker", Level.OK, "The broker answers; it is no Redis.")
                return
            started = time.perf_counter()
            client.ping()
            took = (time.perf_counter() - started) * 1000
            yield from _server(client, "broker", never_evicts=True, took=took)
    except (OperationalError, RedisError, OSError) as error:
        advice = (
            "Start the broker, and compare CELERY_BROKER_URL with its address and password. No task runs meanwhile."
        )
        yield Finding("broker", Level.PROBLEM, f"The broker does not answer: {first_line(error)}", advice)


def _server(client: Any, check: str, *, never_evicts: bool, took: float) -> Iterator[Finding]:
    try:
        info = client.info()
    except RedisError as error:
        text = f"It answers, but does not say more: {first_line(error)}"
        yield Finding(check, Level.UNKNOWN, text, "Allow the user INFO to have memory and persistence checked.")
        return
    version = str(info.get("redis_version", "unknown"))
    yield Finding(check, Level.OK, f"Redis {version} answers in {took:.1f} ms.")
    numbers = tuple(int(part) for part in version.split(".")[:2] if part.isdecimal())
    if numbers and numbers < _OLDEST:
        yield Finding(check, Level.PROBLEM, f"Redis {version} is older than 7.0.", "Upgrade it.")
    policy, limit, used = info.get("maxmemory_policy", ""), info.get("maxmemory", 0), info.get("used_memory", 0)
    if limit and policy.startswith("allkeys") and (never_evicts or settings.SERVED_LOG):
        lost = "tasks" if never_evicts else "entries of served lists"
        level = Level.PROBLEM if never_evicts else Level.WARNING
        advice = (
            "Run CONFIG SET maxmemory-policy noeviction, and set the same in redis.conf. If memory is short, give the"
            " cache a Redis of its own: REDIS_URL beside CELERY_BROKER_URL."
        )
        yield Finding(check, level, f"It may evict {lost}: its policy is {policy}.", advice, usable=True)
    if limit and used >= _FULL * limit:
        text = f"{used / limit:.0%} of its memory is used."
        yield Finding(check, Level.WARNING, text, "Raise maxmemory, or lower RECOMMENDATIONS_CACHE_SECONDS.")
    if not info.get("aof_enabled"):
        lost = "waiting tasks" if never_evicts else "the served lists that wait"
        text = f"It keeps no append-only file: its end loses {lost}."
        yield Finding(check, Level.WARNING, text, "Set appendonly yes.")
    if info.get("aof_last_write_status", "ok") != "ok" or info.get("rdb_last_bgsave_status", "ok") != "ok":
        advice = "Look for a full disk in its log; it may refuse to write."
        yield Finding(check, Level.PROBLEM, "It could not write to its disk.", advice, usable=True)

"""The clock of this machine against those of PostgreSQL and Redis.

Tokens, one-time codes, windows of limits and the newest of two opinions are decided by comparing times of different
machines.
"""

import time
from collections.abc import Iterator
from typing import Any

from django.db import connection
from django_redis import get_redis_connection

from recsys_project.doctor.findings import Finding, Level

# Seconds. From the second on, one-time codes and fresh tokens are refused.
_WARNING, _PROBLEM = 2.0, 30.0
_ADVICE = "Run timedatectl on both machines and let systemd-timesyncd or chrony set their clocks."


def database_findings() -> Iterator[Finding]:
    """The clock of PostgreSQL."""
    with connection.cursor() as cursor:
        # Connects, so that the next statement takes only its own time.
        cursor.execute("SELECT 1")
        before = time.time()
        cursor.execute("SELECT extract(epoch FROM clock_timestamp())::float8")
        (there,) = cursor.fetchone()
        after = time.time()
    yield skew_finding("clock", "PostgreSQL", before, there, after)


def redis_findings() -> Iterator[Finding]:
    """The clock of Redis."""
    client: Any = get_redis_connection("default")
    client.ping()
    before = time.time()
    seconds, microseconds = client.time()
    after = time.time()
    yield skew_finding("clock of Redis", "Redis", before, seconds + microseconds / 1_000_000, after)


def skew_finding(check: str, server: str, before: float, there: float, after: float) -> Finding:
    """Compares a server's time with ours, before and after it was asked, all in seconds since 1970.

    Its answer may be of any moment in between, so only what lies outside is a difference.
    """
    skew = there - after if there > after else min(0.0, there - before)
    if abs(skew) < _WARNING:
        return Finding(check, Level.OK, f"The clock of {server} is within {_WARNING:.0f} seconds of this machine's.")
    direction = "ahead of" if skew > 0 else "behind"
    level = Level.PROBLEM if abs(skew) >= _PROBLEM else Level.WARNING
    return Finding(check, level, f"The clock of {server} is {abs(skew):.0f} s {direction} this machine's.", _ADVICE)

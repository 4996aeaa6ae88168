"""Token buckets in Redis: a rate with a burst, exact for all processes, in one round trip for all buckets of a request.

A bucket holds up to ``burst`` tokens and refills evenly at ``count`` per ``seconds``; a request takes one token from
each of its buckets, or none if one is empty. So no span of time passes more than its share of the rate and one burst,
wherever it begins. The script is the generic cell rate algorithm (GCRA), which is a token bucket whose whole state is
one number: the time at which the bucket is full again. Redis' clock counts, so that the machines' clocks do not matter.
"""

import hashlib
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import structlog
from django.core.cache import caches
from django_redis.cache import RedisCache
from redis.commands.core import Script
from redis.exceptions import RedisError

logger = structlog.get_logger(__name__)

CACHE_ALIAS = "ratelimit"
_RATE = re.compile(r"(\d+)/(\d*)([smhd]):(\d+)")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_MICROSECONDS = 1_000_000

# Keys: the buckets. Arguments: the tokens to take (-1 gives one back), the time in microseconds or "" for Redis' clock,
# then for each bucket the microseconds in which a token refills, and the burst.
# Returns 1 if the tokens were taken, else 0, and for each bucket the microseconds until it is full.
_TAKE = b"""
local tokens, now = tonumber(ARGV[1]), tonumber(ARGV[2])
if not now then
    local time = redis.call('time')
    now = time[1] * 1000000 + time[2]
end
local taken, before, after = 1, {}, {}
for i, key in ipairs(KEYS) do
    local interval, burst = tonumber(ARGV[2 * i + 1]), tonumber(ARGV[2 * i + 2])
    before[i] = math.max(0, (tonumber(redis.call('get', key)) or 0) - now)
    after[i] = math.max(0, before[i] + tokens * interval)
    if tokens > 0 and after[i] > interval * burst then taken = 0 end
end
local answer = {taken}
for i, key in ipairs(KEYS) do
    if taken == 0 then
        answer[i + 1] = before[i]
    else
        answer[i + 1] = after[i]
        if after[i] == 0 then
            redis.call('del', key)
        else
            redis.call('set', key, string.format('%.0f', now + after[i]), 'PX', math.ceil(after[i] / 1000))
        end
    end
end
return answer
"""
# Sent once per server, then called by its hash; each call passes the client.
_take = Script(None, _TAKE)  # type: ignore[arg-type]


@dataclass(frozen=True)
class BucketRate:
    """``count`` tokens per ``seconds``, and at most ``burst`` at once."""

    count: int
    seconds: int
    burst: int

    @property
    def interval(self) -> int:
        """The microseconds in which one token refills."""
        return math.ceil(self.seconds * _MICROSECONDS / self.count)

    @property
    def fill_seconds(self) -> int:
        """The seconds in which an empty bucket fills, at least 1."""
        return max(1, math.ceil(self.interval * self.burst / _MICROSECONDS))


@dataclass(frozen=True)
class Bucket:
    """A bucket: the name of its limit, whose it is, and its rate."""

    name: str
    key: str
    rate: BucketRate

    def redis_key(self) -> str:
        """Without the text of ``key``, which may be long and personal."""
        digest = hashlib.sha256(self.key.encode(errors="backslashreplace")).hexdigest()[:32]
        rate = f"{self.rate.count}-{self.rate.seconds}-{self.rate.burst}"
        return str(caches[CACHE_ALIAS].make_key(f"bucket:{self.name}:{rate}:{digest}"))


@dataclass(frozen=True)
class BucketState:
    """What is left in a bucket: whole tokens, seconds until it is full, and seconds until it has a token."""

    bucket: Bucket
    remaining: int
    reset: int
    wait: int


def parse_bucket_rate(text: str) -> BucketRate | None:
    """The rate that ``300/m:50`` stands for: 300 tokens a minute, 50 at once. None if it is not of this form."""
    match = _RATE.fullmatch(text)
    if match is None:
        return None
    count, seconds, burst = int(match[1]), int(match[2] or 1) * _SECONDS[match[3]], int(match[4])
    return BucketRate(count, seconds, burst) if count and seconds and burst else None


def take_tokens(buckets: Sequence[Bucket], *, at: int | None = None) -> tuple[bool, list[BucketState]] | None:
    """Takes a token from each bucket, or none from any if one is empty; returns whether, and their states then.

    at: the time in microseconds, instead of Redis' clock. One round trip. None if Redis is unavailable.
    """
    return _run(buckets, tokens=1, at=at)


def give_back_tokens(buckets: Sequence[Bucket], *, at: int | None = None) -> None:
    """Puts a token back into each bucket; no bucket becomes fuller than full. Without Redis, does nothing."""
    _run(buckets, tokens=-1, at=at)


def _run(buckets: Sequence[Bucket], *, tokens: int, at: int | None) -> tuple[bool, list[BucketState]] | None:
    arguments: list[int | str] = [tokens, "" if at is None else at]
    for bucket in buckets:
        arguments += [bucket.rate.interval, bucket.rate.burst]
    try:
        client = cast(RedisCache, caches[CACHE_ALIAS]).client.get_client(write=True)
        taken, *fill_times = _take([bucket.redis_key() for bucket in buckets], arguments, client=client)
    except (RedisError, OSError) as error:
        logger.warning("rate_not_counted", reason=type(error).__name__)
        return None
    return bool(taken), [_state(bucket, fill_time) for bucket, fill_time in zip(buckets, fill_times, strict=True)]


def _state(bucket: Bucket, fill_time: int) -> BucketState:
    """The state of a bucket that is full in ``fill_time`` microseconds."""
    interval, capacity = bucket.rate.interval, bucket.rate.interval * bucket.rate.burst
    return BucketState(
        bucket=bucket,
        remaining=max(0, (capacity - fill_time) // interval),
        reset=math.ceil(fill_time / _MICROSECONDS),
        wait=math.ceil(max(0, fill_time + interval - capacity) / _MICROSECONDS),
    )

"""Token buckets in the memory of one process, for requests that must not depend on Redis."""

import math
import threading
import time
from collections import OrderedDict

from django.conf import settings

from recsys_project.token_bucket import BucketRate, parse_bucket_rate

# The addresses whose buckets are kept; beyond it, the one that asked longest ago is forgotten.
_MAX_KEYS = 2000


class LocalLimit:
    """The limit ``settings.RATE_LIMITS[name]`` for each key, in this process; of its rates, only buckets count.

    It is the algorithm of recsys_project.token_bucket.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._lock = threading.Lock()
        # By key: when each bucket is full, in seconds of the monotonic clock.
        self._full_at: OrderedDict[str, list[float]] = OrderedDict()

    def wait(self, key: str) -> int:
        """Takes a token for ``key`` and returns 0, or, if there is none, the whole seconds until there is one."""
        rates = [rate for text in settings.RATE_LIMITS.get(self._name, ()) if (rate := parse_bucket_rate(text))]
        now = time.monotonic()
        with self._lock:
            before = self._full_at.get(key, [])
            if len(before) != len(rates):
                before = [0.0] * len(rates)
            after = [max(now, full) + rate.seconds / rate.count for full, rate in zip(before, rates, strict=True)]
            waits = [full - now - _capacity(rate) for full, rate in zip(after, rates, strict=True)]
            if max(waits, default=0.0) > 1e-6:
                return max(1, math.ceil(max(waits)))
            self._full_at[key] = after
            self._full_at.move_to_end(key)
            if len(self._full_at) > _MAX_KEYS:
                self._full_at.popitem(last=False)
        return 0

    def clear(self) -> None:
        """Fills all buckets."""
        with self._lock:
            self._full_at.clear()


def _capacity(rate: BucketRate) -> float:
    """The seconds in which an empty bucket fills."""
    return rate.seconds / rate.count * rate.burst

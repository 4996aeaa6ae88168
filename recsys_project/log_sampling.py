"""Which requests that the cache answers are logged, where LOG_CACHED_SAMPLE is below 1."""

import zlib

_RANGE = 2**32


def is_sampled(request_id: str, share: float) -> bool:
    """Whether a request is among the share of requests, 0 to 1. Decided by its id, so it is the same everywhere."""
    return share >= 1 or zlib.crc32(request_id.encode()) < share * _RANGE

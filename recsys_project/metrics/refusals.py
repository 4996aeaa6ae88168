"""Requests that rate limits refused, and sign-ins that failed."""

from prometheus_client import Counter

RATE_LIMITED = Counter(
    "recsys_rate_limit_refusals_total",
    "Requests that a rate limit refused, by limit; store_unavailable: where Redis is needed to allow them.",
    ["limit"],
)
LOGINS_REFUSED = Counter(
    "recsys_logins_refused_total",
    "Sign-ins with a password that were refused: credentials, code (of the second factor), limit, busy.",
    ["reason"],
)


def count_store_away(error: Exception | None) -> None:
    """Counts a request that is refused, since Redis could not count it; without an error it is let through."""
    if error is not None:
        RATE_LIMITED.labels("store_unavailable").inc()

"""Counts lists: by state of the cache and of the person, sources, and how long the stages of computing one take."""

import time
from collections.abc import Iterable

from prometheus_client import Counter, Histogram

from recommendations.serving.present import COLUMNS, PresentedList

LISTS = Counter(
    "recsys_lists_total",
    "Answered lists of people, by what the cache had: hit, stale, miss, shared (another request computed it), "
    "continued (a next page), filtered (never cached), paused.",
    ["state"],
)
COMPUTED = Counter(
    "recsys_lists_computed_total",
    "Computed lists of people and guests by who they are for: known (has a nightly list), warm (did something since), "
    "cold (did nothing), fallback (popular movies alone for somebody who did something, or no live version).",
    ["state"],
)
EMPTY = Counter("recsys_lists_empty_total", "Computed lists without any movie.")
SHARES = Counter(
    "recsys_list_source_shares_total",
    "The source mix: of each computed list, the mean share of each source; the shares of a list sum to 1.",
    ["source"],
)
STAGES = Histogram(
    "recsys_list_stage_duration_seconds",
    "How long the stages of computing a list take: gather, rank, present, store (render, cache and log).",
    ["stage"],
    buckets=(0.002, 0.01, 0.05, 0.25),
)
_POPULAR = COLUMNS.index("popular")
# The state is called new in the API.
_STATES = {"known": "known", "new": "warm", "cold": "cold"}
_ALL = 0.999


class StageClock:
    """Measures the stages of one list, one after the other."""

    def __init__(self) -> None:
        self._at = time.perf_counter()

    def end(self, stage: str) -> None:
        """The stage that began with the end of the one before ends now."""
        now = time.perf_counter()
        STAGES.labels(stage).observe(now - self._at)
        self._at = now


def count_computed(presented: PresentedList) -> None:
    """Counts a list that was computed for a person or a guest."""
    items = presented.items
    if not items:
        EMPTY.inc()
    shares = mean_shares(item.shares for item in items)
    COMPUTED.labels(state_of(presented, shares)).inc()
    for source, share in zip(COLUMNS, shares, strict=False):
        if share:
            SHARES.labels(source).inc(share)


def mean_shares(rows: Iterable[tuple[float, ...]]) -> list[float]:
    """The mean of each column; none without rows."""
    columns = list(zip(*rows, strict=True))
    return [sum(column) / len(column) for column in columns]


def state_of(presented: PresentedList, shares: list[float]) -> str:
    """Whom the list is for, or that it fell back."""
    only_popular = bool(shares) and shares[_POPULAR] >= _ALL
    if presented.version_id is None or (only_popular and presented.user_state != "cold"):
        return "fallback"
    return _STATES[presented.user_state]

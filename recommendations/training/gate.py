"""Whether a candidate may replace the live version automatically. Staff can still publish a refused one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

MEASURE = "ndcg@10"


@dataclass(frozen=True)
class GateConfig:
    """max_shrink: the share of the live version's data that may be missing, 0 to 1; 1 allows any loss.

    min_people: a ranking evaluated on fewer people is not judged.
    """

    max_shrink: float = 0.5
    min_people: int = 20


@dataclass(frozen=True)
class Trained:
    """The size of a version's training data, and its evaluation metrics (empty where nobody could be evaluated)."""

    number: int
    people: int
    movies: int
    interactions: int
    metrics: Mapping[str, Any] = field(default_factory=dict)


def gate(candidate: Trained, live: Trained | None, config: GateConfig) -> str:
    """Why the candidate is refused, written for staff; empty if it may go live.

    Without a live version, sizes are not compared; without metrics, the ranking is not judged.
    """
    reasons = [_worse_than_popularity(candidate, config)]
    if live is not None:
        reasons += [
            _shrunk(name, getattr(candidate, name), getattr(live, name), live.number, config)
            for name in ("interactions", "people", "movies")
        ]
    return " ".join(reason for reason in reasons if reason)


def _worse_than_popularity(candidate: Trained, config: GateConfig) -> str:
    """On a few people the two may differ by chance: the whole confidence interval must lie below popularity."""
    metrics = candidate.metrics
    measured, popular = metrics.get(MEASURE), metrics.get("popularity", {}).get(MEASURE)
    people = metrics.get("people", config.min_people)
    # Written so that NaN is refused as well.
    if measured is None or popular is None or people < config.min_people or measured >= popular:
        return ""
    _, high = metrics.get("above_popularity", (-1.0, -1.0))
    if high >= 0:
        return ""
    return f"It ranks worse than popularity: nDCG@10 {measured:.4f} against {popular:.4f}, on {people:,} people."


def _shrunk(name: str, now: int, before: int, live: int, config: GateConfig) -> str:
    if now >= before * (1 - config.max_shrink):
        return ""
    return (
        f"Its data shrank: {now:,} {name} against {before:,} of version {live}, which is live "
        f"(more than {config.max_shrink:.0%} are gone)."
    )

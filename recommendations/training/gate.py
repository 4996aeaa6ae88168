"""Whether a candidate may replace the live version automatically. Staff can still publish a refused one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

MEASURE = "ndcg@10"


@dataclass(frozen=True)
class GateConfig:
    """max_shrink: the share of the live version's data that may be missing, 0 to 1; 1 allows any loss.

    min_people: a ranking evaluated on fewer people is not judged. max_worse: the share of the nDCG of the live
    version's configuration by which it may rank worse; 1 allows anything. max_lost_lead: the share of the live
    version's lead over popularity that may be gone; 1 allows anything. max_rating_error: the share by which the error
    of damped means may rise; measured on at least min_ratings ratings.
    """

    max_shrink: float = 0.3
    min_people: int = 20
    max_worse: float = 0.05
    max_lost_lead: float = 0.5
    max_rating_error: float = 0.1
    min_ratings: int = 1000


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

    Without a live version only popularity is compared; without metrics, the ranking is not judged.
    """
    reasons = [_worse_than_popularity(candidate, config)]
    if live is not None:
        reasons += [judge(candidate, live, config) for judge in (_worse_than_live, _lost_lead, _scattered_ratings)]
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


def _worse_than_live(candidate: Trained, live: Trained, config: GateConfig) -> str:
    """The whole interval must lie below the margin. Compared is the version that was live when the training began."""
    compared = candidate.metrics.get("live", {})
    theirs = compared.get(MEASURE)
    if theirs is None or compared.get("version") != live.number or config.max_worse >= 1:
        return ""
    if candidate.metrics.get("people", 0) < config.min_people:
        return ""
    low, high = candidate.metrics["above_live"]
    # Written so that NaN is refused as well.
    if high >= -config.max_worse * theirs:
        return ""
    return (
        f"It ranks worse than version {live.number}, which is live: nDCG@10 {candidate.metrics[MEASURE]:.4f} against "
        f"{theirs:.4f} of that configuration on the same data, 95% interval of the difference {low:+.4f} to "
        f"{high:+.4f} (at most {config.max_worse:.0%} may be lost)."
    )


def _lost_lead(candidate: Trained, live: Trained, config: GateConfig) -> str:
    """Shuffled data keep their sizes and what is popular, and nothing else can be learned from them.

    Each version was measured on data of its own, so the two intervals must lie apart.
    """
    ours, theirs = (version.metrics.get("above_popularity") for version in (candidate, live))
    people = min(version.metrics.get("people", 0) for version in (candidate, live))
    if ours is None or theirs is None or people < config.min_people or theirs[0] <= 0 or config.max_lost_lead >= 1:
        return ""
    if ours[1] >= theirs[0] * (1 - config.max_lost_lead):
        return ""
    return (
        f"Its lead over popularity is lost: nDCG@10 {ours[0]:+.4f} to {ours[1]:+.4f} above it, against "
        f"{theirs[0]:+.4f} to {theirs[1]:+.4f} of version {live.number}, which is live. See whether people and movies "
        "of the data still belong together."
    )


def _scattered_ratings(candidate: Trained, live: Trained, config: GateConfig) -> str:
    """Ratings whose values are shuffled say little of taste, but people still rated what they rated.

    The damped means of people and movies are no model that could be better or worse: their error is that of the data.
    """
    if min(version.metrics.get("ratings_held_out", 0) for version in (candidate, live)) < config.min_ratings:
        return ""
    ours, theirs = (version.metrics.get("rating_rmse_baseline") for version in (candidate, live))
    # Written so that NaN is refused as well.
    if ours is None or theirs is None or ours <= theirs * (1 + config.max_rating_error):
        return ""
    return (
        f"Its ratings are scattered: the RMSE of damped means is {ours:.4f}, against {theirs:.4f} of version "
        f"{live.number}, which is live. See whether values and movies of the ratings still belong together."
    )


def _shrunk(name: str, now: int, before: int, live: int, config: GateConfig) -> str:
    if now >= before * (1 - config.max_shrink):
        return ""
    return (
        f"Its data shrank: {now:,} {name} against {before:,} of version {live}, which is live "
        f"(more than {config.max_shrink:.0%} are gone)."
    )

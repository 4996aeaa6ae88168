"""Re-ranks the top of a list: diversity, and a cap per franchise and director.

Diversity is maximal marginal relevance (Carbonell & Goldstein, SIGIR 1998) on item factors. Both rules only move items;
the result is deterministic.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_ARTICLE = re.compile(r"^(the|a|an)\s+")
_SUBTITLE = re.compile(r"\s*(:|\s-\s|\().*$")
# "Rocky II", "Toy Story 2", "Friday the 13th Part 3": a number at the end, in either script.
_SEQUEL = re.compile(r"\s+((part|episode|chapter|vol\.?)\s+)?(\d{1,2}|[ivx]{1,5})$")
_SHORTEST = 4


@dataclass(frozen=True, slots=True)
class RerankConfig:
    """How strong the re-ranking is, and how far down the list it acts."""

    # 0 keeps the ranking; 1 ignores the scores.
    diversity: float = 0.0
    # The cap: at most this many of one franchise, or of one director, among the first ``top``; 0 is no limit.
    group_cap: int = 3
    top: int = 10
    # The first ``top`` are chosen from the best pool_factor x ``top``.
    pool_factor: int = 4

    def __post_init__(self) -> None:
        if not 0 <= self.diversity <= 1:
            raise ValueError(f"diversity must be from 0 to 1, not {self.diversity}.")
        if self.group_cap < 0:
            raise ValueError(f"group_cap must not be below 0, not {self.group_cap}.")

    @property
    def depth(self) -> int:
        """How many of the best items can move."""
        return self.top * self.pool_factor


def franchise(title: str) -> str:
    """The part of a title that its sequels share, in lower case; "" for titles too short to identify a franchise.

    >>> franchise("Star Wars: Episode IV - A New Hope"), franchise("Rocky III"), franchise("Up")
    ('star wars', 'rocky', '')
    """
    name = _SUBTITLE.sub("", title.lower())
    name = _ARTICLE.sub("", _SEQUEL.sub("", name)).strip()
    return name if len(name) >= _SHORTEST else ""


def rerank(
    scores: NDArray[np.floating],
    vectors: NDArray[np.floating],
    groups: Sequence[Collection[str]],
    config: RerankConfig | None = None,
) -> NDArray[np.int64]:
    """The new order of n items that are given best first: a permutation of their positions, int64 (n,).

    scores: 0 to 1, (n,); vectors: (n, d) for at least the first ``depth`` items, a row of zeros is similar to nothing;
    groups: keys of each item's franchise and directors. Where every remaining item would break the cap, the best one is
    taken anyway.
    """
    config = config or RerankConfig()
    n = len(scores)
    depth = min(n, config.depth)
    pick = _diversified if config.diversity else _capped
    picked = pick(scores[:depth], vectors[:depth], groups, config)
    moved = set(picked)
    return np.array([*picked, *(at for at in range(n) if at not in moved)], np.int64)


def _capped(
    scores: NDArray[np.floating],
    vectors: NDArray[np.floating],
    groups: Sequence[Collection[str]],
    config: RerankConfig,
) -> list[int]:
    """Choose the top by score, deferring items that would break the cap."""
    picked: list[int] = []
    deferred: list[int] = []
    group_counts: Counter[str] = Counter()
    for at in range(len(scores)):
        if len(picked) == config.top:
            break
        if config.group_cap and any(group_counts[group] >= config.group_cap for group in groups[at]):
            deferred.append(at)
        else:
            picked.append(at)
            group_counts.update(groups[at])
    # Only items that break the cap remain: take the best of them.
    return [*picked, *deferred[: config.top - len(picked)]]


def _diversified(
    scores: NDArray[np.floating],
    vectors: NDArray[np.floating],
    groups: Sequence[Collection[str]],
    config: RerankConfig,
) -> list[int]:
    """Choose the top by score minus similarity to the items already chosen, under the same cap."""
    remaining = list(range(len(scores)))
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    unit = np.divide(vectors, lengths, out=np.zeros_like(vectors), where=lengths > 0)
    similarity = unit @ unit.T
    group_counts: Counter[str] = Counter()
    picked: list[int] = []
    max_similarity = np.zeros(len(remaining))
    while remaining and len(picked) < config.top:
        allowed = [
            at
            for at in remaining
            if not config.group_cap or all(group_counts[group] < config.group_cap for group in groups[at])
        ]
        value = np.round((1 - config.diversity) * scores - config.diversity * max_similarity, 9)
        # argmax returns the first of equal values, which is ranked higher.
        eligible = allowed or remaining
        best = eligible[int(value[eligible].argmax())]
        picked.append(best)
        remaining.remove(best)
        group_counts.update(groups[best])
        max_similarity = np.maximum(max_similarity, similarity[best])
    return picked

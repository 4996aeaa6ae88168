"""The last ordering of a list: variety at the top, without making anything else of the ranking.

Variety is maximal marginal relevance (Carbonell & Goldstein, SIGIR 1998) on item factors; beside it at most a few of
one franchise or director stand at the top. Both only move items, and the same input gives the same order.
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
    """How much variety, and where."""

    # 0 keeps the ranking, 1 looks at variety alone.
    diversity: float = 0.0
    # At most so many of one franchise, or of one director, among the first ``top``; 0 is no limit.
    group_cap: int = 3
    top: int = 10
    # Variety chooses among so many times ``top`` of the best.
    pool: int = 4

    def __post_init__(self) -> None:
        if not 0 <= self.diversity <= 1:
            raise ValueError(f"diversity must be from 0 to 1, not {self.diversity}.")
        if self.group_cap < 0:
            raise ValueError(f"group_cap must not be below 0, not {self.group_cap}.")

    @property
    def reach(self) -> int:
        """How many of the best items may move."""
        return self.top * self.pool


def franchise(title: str) -> str:
    """What the title shares with its sequels, lower case: "toy story" of "Toy Story 2". Titles too short to tell: "".

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
    """The order of n items given best first: positions, shape (n,), each once.

    scores: (n,) from 0 to 1; vectors: (n, d), a row of zeros is like nothing; groups: each item's franchise and
    directors. Where every item left would break the cap, the best stands.
    """
    config = config or RerankConfig()
    n = len(scores)
    reach = min(n, config.reach)
    pick = _varied if config.diversity else _capped
    picked = pick(scores[:reach], vectors[:reach], groups, config)
    placed = set(picked)
    return np.array([*picked, *(at for at in range(n) if at not in placed)], np.int64)


def _capped(
    scores: NDArray[np.floating],
    vectors: NDArray[np.floating],
    groups: Sequence[Collection[str]],
    config: RerankConfig,
) -> list[int]:
    """The top by score alone: in turn, leaving out for later what would break the cap."""
    picked: list[int] = []
    passed: list[int] = []
    taken: Counter[str] = Counter()
    for at in range(len(scores)):
        if len(picked) == config.top:
            break
        if config.group_cap and any(taken[group] >= config.group_cap for group in groups[at]):
            passed.append(at)
        else:
            picked.append(at)
            taken.update(groups[at])
    # All that is left breaks the cap: the best of it after all.
    return [*picked, *passed[: config.top - len(picked)]]


def _varied(
    scores: NDArray[np.floating],
    vectors: NDArray[np.floating],
    groups: Sequence[Collection[str]],
    config: RerankConfig,
) -> list[int]:
    """The top by relevance less likeness to what stands above, under the same cap."""
    left = list(range(len(scores)))
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    unit = np.divide(vectors, lengths, out=np.zeros_like(vectors), where=lengths > 0)
    likeness = unit @ unit.T
    taken: Counter[str] = Counter()
    picked: list[int] = []
    nearest = np.zeros(len(left))
    while left and len(picked) < config.top:
        free = [at for at in left if not config.group_cap or all(taken[g] < config.group_cap for g in groups[at])]
        value = np.round((1 - config.diversity) * scores - config.diversity * nearest, 9)
        # argmax keeps the first of equals, which is the better ranked.
        choice = free or left
        best = choice[int(value[choice].argmax())]
        picked.append(best)
        left.remove(best)
        taken.update(groups[best])
        nearest = np.maximum(nearest, likeness[best])
    return picked

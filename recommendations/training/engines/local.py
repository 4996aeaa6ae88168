"""One machine: the threads of this process do it all."""

from __future__ import annotations

from collections.abc import Iterator
from types import TracebackType
from typing import Self

import numpy as np
from numpy.typing import NDArray

from recommendations.algorithms.interactions import Interactions
from recommendations.algorithms.likes import Likes
from recommendations.algorithms.mapped import local_likes
from recommendations.training.engines.base import ListBlock, ListRanker


class LocalEngine:
    """See TrainingEngine."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        pass

    def likes(self, interactions: Interactions) -> Likes:
        return local_likes(interactions)

    def lists(
        self, ranker: ListRanker, interactions: Interactions, n: int, candidates: NDArray[np.bool_] | None
    ) -> Iterator[ListBlock]:
        return ranker.recommend(interactions, n, candidates=candidates)

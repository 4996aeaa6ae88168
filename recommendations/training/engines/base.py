"""What does the people-sized work of a training: sums over everybody's likes, and everybody's list."""

from __future__ import annotations

from collections.abc import Iterator
from types import TracebackType
from typing import Protocol, Self

import numpy as np
from numpy.typing import NDArray

from recommendations.algorithms.interactions import Interactions
from recommendations.algorithms.likes import Likes

# Positions of people, int64 (b,); of their items, best first, int32 (b, n), -1 where there are fewer; scores, float32.
ListBlock = tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.float32]]


class ListRanker(Protocol):
    """A fitted model that makes lists, such as ``RankingEnsemble``. It can be pickled."""

    def recommend(
        self, interactions: Interactions, n: int, *, candidates: NDArray[np.bool_] | None = None
    ) -> Iterator[ListBlock]:
        """The lists of all people of ``interactions``, each a function of that person's interactions alone."""
        ...


class TrainingEngine(Protocol):
    """Open for one training, as a context manager. Errors that staff can mend are TrainingErrors."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None: ...

    def likes(self, interactions: Interactions) -> Likes:
        """The positive weights, for models to sum over. Valid until the engine is closed."""
        ...

    def lists(
        self, ranker: ListRanker, interactions: Interactions, n: int, candidates: NDArray[np.bool_] | None
    ) -> Iterator[ListBlock]:
        """Everybody's list of n of the candidates, a mask of shape (I,), in blocks of ascending positions of people."""
        ...

"""What the tests let executors do. They import this module, so it must not need Django."""

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from recommendations.algorithms.interactions import Interactions
from recommendations.algorithms.likes import Sums

HELD_SECONDS = 30.0


@dataclass(frozen=True)
class Hold:
    """The first task that comes holds until its executor is killed; later ones pass. ``folder`` is the test's."""

    folder: Path

    def wait(self) -> None:
        try:
            (self.folder / "held").touch(exist_ok=False)
        except FileExistsError:
            return
        aside = self.folder / "process.new"
        aside.write_text(str(os.getpid()))
        aside.rename(self.folder / "process")
        time.sleep(HELD_SECONDS)

    def process(self) -> int | None:
        """The Python process that holds; None while none does."""
        path = self.folder / "process"
        return int(path.read_text()) if path.exists() else None


def gram(likes: csr_array, state: NDArray[np.float32], sums: Sums) -> None:
    """The likes of items together, weighted by item, and how many likes there are."""
    matrix, count = sums
    matrix += (likes.T @ likes).toarray() * state
    count += likes.nnz


def gram_held(likes: csr_array, state: tuple[Hold, NDArray[np.float32]], sums: Sums) -> None:
    hold, weights = state
    hold.wait()
    gram(likes, weights, sums)


def too_large(likes: csr_array, state: Any, sums: Sums) -> None:
    np.ones(1 << 50)


@dataclass(frozen=True)
class HeldRanker:
    """Scores of all items by the items that a person likes, as ``weights`` (I, I) has them."""

    weights: NDArray[np.float32]
    hold: Hold | None = None

    def recommend(
        self, interactions: Interactions, n: int, *, candidates: NDArray[np.bool_] | None = None
    ) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.float32]]]:
        if self.hold is not None:
            self.hold.wait()
        scores = np.asarray(interactions.likes() @ self.weights)
        order = np.argsort(-scores, axis=1, kind="stable")[:, :n].astype(np.int32)
        yield np.arange(len(scores)), order, np.take_along_axis(scores, order, axis=1)

"""What every ranker is: it learns from who likes what, and scores all items for people, fitted or new.

``tests/unit/recommendations/algorithms/rankers/test_rankers.py`` holds every ranker to it. Not rankers in this sense:
``popularity.Popularity``, which knows no people and needs ratings and times; ``few_shot.FewShotItemModel``, which needs
the order of likes and gives factors that a search multiplies, not scores.
"""

from __future__ import annotations

from typing import Protocol, Self

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array


class Ranker(Protocol):
    """A model that ranks items by scores.

    Its hyperparameters are a frozen dataclass that raises ValueError, naming the field, for a value out of range. The
    same data and hyperparameters give the same model. Neither method changes its input.
    """

    def fit(self, likes: csr_array) -> Self:
        """Learn from strengths of likes, float32 above 0, shape (people, I); replaces what was learned before.

        People without likes and items that nobody likes are allowed, and so is a matrix without any like.
        """
        ...

    def scores(self, likes: csr_array) -> NDArray[np.float32]:
        """float32 of shape (people, I) for strengths of likes of such a shape; the people may be new.

        No score is NaN. An item that somebody of the fitted people likes has a finite score, unless the
        hyperparameters leave it out; -inf is an item that the model does not know.
        """
        ...

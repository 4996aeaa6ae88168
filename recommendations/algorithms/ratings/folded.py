"""Ratings of any number of people, predicted by folding each of them into the rows of ``fold_in``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from recommendations.algorithms.ratings.base import DampedMeans, Floats, OnShare, Positions, RatingModel, Ratings
from recommendations.algorithms.ratings.fold_in import (
    LEVEL,
    LOADINGS,
    RatingFactorsConfig,
    fit_rating_factors,
    fold_in_people,
)
from recommendations.algorithms.ratings.reading import RatingReader
from recommendations.algorithms.threads import map_in_threads


class FoldedRatings(RatingModel):
    """level_i + loadings_i . z_u, where z_u is folded in from the person's ratings.

    Of many people a sample is enough for most of the fit (``fit_rating_factors``), and a person costs one small solve.
    """

    KIND = "folded_ratings"

    def __init__(self, config: RatingFactorsConfig | None = None) -> None:
        super().__init__()
        self.config = config or RatingFactorsConfig()
        # float32: (U, factors) and (I + 1, factors + 2).
        self.people: Floats = np.zeros((0, self.config.factors), np.float32)
        self.rows: Floats = np.zeros((1, self.config.factors + 2), np.float32)

    @classmethod
    def of(cls, reader: RatingReader, rows: Floats, means: DampedMeans, config: RatingFactorsConfig) -> Self:
        """Fold everybody into fitted rows, (I + 1, factors + 2). Memory: a vector for each person."""
        model = cls(config)
        model.scale, model._means, model.rows = reader.scale, means, rows
        model.people = np.zeros((reader.shape[0], config.factors), np.float32)
        blocks = map_in_threads(lambda block: (block[0], fold_in_people(rows, block[1])), reader.blocks())
        for start, people in blocks:
            model.people[start : start + len(people)] = people
        return model

    def _learn(self, ratings: Ratings, on_share: OnShare) -> None:
        self.rows = fit_rating_factors(ratings, self.config)
        on_share(0.9)
        self.people = fold_in_people(self.rows, ratings)
        on_share(1.0)

    def _score(self, users: Positions, items: Positions) -> Floats:
        rows = self.rows[items]
        score: Floats = rows[:, LEVEL] + np.einsum("ij,ij->i", rows[:, LOADINGS:], self.people[users])
        return score

    def _state(self) -> dict[str, NDArray]:
        return {"people": self.people, "rows": self.rows}

    def _restore(self, arrays: Mapping[str, NDArray]) -> None:
        self.people, self.rows = arrays["people"], arrays["rows"]

    @classmethod
    def _settings(cls, stored: dict[str, Any]) -> dict[str, Any]:
        return {"config": RatingFactorsConfig(**stored)}


def fit_rows(reader: RatingReader, config: RatingFactorsConfig) -> Floats:
    """The rows of all items, see ``fit_rating_factors``: above config.max_ratings from a sample of people, then all."""
    if len(reader) <= config.max_ratings:
        return fit_rating_factors(reader.all(), config)
    sample = reader.sample(config.max_ratings, config.random_state)
    return fit_rating_factors(sample, config, lambda: (block for _, block in reader.blocks()))

"""Fit the nightly rating models, measure them on held-out ratings, and keep those that beat damped means.

There are two: the predictor, whose ratings stand in everybody's list, and the rows of ``fold_in``, which predict
ratings of anybody while a list is served. Each is judged on its own. One fit both serves and is measured: a second one
would double the time, and the held-out share costs about .001 of RMSE.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recommendations.algorithms.interactions import Interactions
from recommendations.algorithms.measuring.rating_metrics import mae, rmse
from recommendations.algorithms.ratings.base import BaselineRatings, DampedMeans, Floats, OnShare, RatingModel
from recommendations.algorithms.ratings.fold_in import RatingFactorsConfig
from recommendations.algorithms.ratings.folded import FoldedRatings, fit_rows
from recommendations.algorithms.ratings.predictor import RatingPredictor, RatingPredictorConfig
from recommendations.algorithms.ratings.reading import RatingReader

# On fewer held-out ratings chance is larger than what any model gains over damped means: it is not judged.
MIN_JUDGED = 100

Figures = dict[str, Any]


class RatingFits:
    """Both models over the same ratings. Each is None if it does not beat damped means; the figures say why."""

    def __init__(
        self, reader: RatingReader, config: RatingPredictorConfig, factors: RatingFactorsConfig | None = None
    ) -> None:
        self._reader, self._config, self._factors = reader, config, factors or RatingFactorsConfig()

    @classmethod
    def of(
        cls,
        interactions: Interactions,
        config: RatingPredictorConfig | None,
        factors: RatingFactorsConfig | None = None,
        *,
        held_out: float,
        seed: int,
    ) -> RatingFits | None:
        """Hold out a random share ``held_out`` of the ratings; None without a configuration or two different ratings.

        Raises ValueError for an infinite rating.
        """
        reader = None if config is None else RatingReader.of(interactions, held_out, seed)
        return None if reader is None or config is None else cls(reader, config, factors)

    @property
    def is_large(self) -> bool:
        """Whether the predictor's chains would take too long, so that the rows predict the ratings of lists too."""
        return len(self._reader) > self._config.max_ratings or self._reader.shape[0] > self._config.max_people

    def predictor(self, on_share: OnShare | None = None) -> tuple[RatingModel | None, Figures]:
        """The predictor and its figures: RMSE and MAE, and the RMSE of damped means; none if nothing is held out."""
        if self.is_large:
            model: RatingModel = self._folded
            (on_share or (lambda share: None))(1.0)
        else:
            model = RatingPredictor(self._config).fit_ratings(self._reader.all(), on_share)
        if not len(self._reader.held):
            return model, {}
        predicted, actual = self._predicted(model), self._actual
        figures: Figures = {
            "ratings_held_out": len(actual),
            "rating_rmse": round(rmse(predicted, actual), 5),
            "rating_mae": round(mae(predicted, actual), 5),
            "rating_rmse_baseline": round(rmse(self._baseline, actual), 5),
        }
        refusal = self._refusal(predicted)
        return (None, {**figures, "rating_refusal": refusal}) if refusal else (model, figures)

    def rows(self) -> tuple[Floats | None, Figures]:
        """The rows of ``fit_rating_factors`` and their RMSE, over people with all their kept ratings folded in."""
        if not len(self._reader.held):
            return self._rows, {}
        predicted = self._predicted(self._folded)
        figures: Figures = {"rating_factors_rmse": round(rmse(predicted, self._actual), 5)}
        refusal = self._refusal(predicted)
        return (None, {**figures, "rating_factors_refusal": refusal}) if refusal else (self._rows, figures)

    def rated_items(self) -> NDArray[np.bool_]:
        """Whether anybody has rated each item, (I,)."""
        rated: NDArray[np.bool_] = self._means.item_counts > 0
        return rated

    def _predicted(self, model: RatingModel) -> Floats:
        data, held = self._reader.interactions, self._reader.held
        return model.predict(data.users[held], data.items[held])

    def _refusal(self, predicted: Floats) -> str:
        """Why predictions are not published; empty if they are.

        Where ratings have no structure at all, one number for all is better than damped means: that must be beaten too.
        """
        users = self._reader.interactions.users[self._reader.held]
        one_number = np.full_like(self._actual, self._means.mean)
        for name, baseline in (("damped means", self._baseline), ("the mean of all ratings", one_number)):
            if is_refused(predicted, baseline, self._actual, users):
                ours, theirs = (rmse(values, self._actual) for values in (predicted, baseline))
                return (
                    f"not published: the RMSE of {ours:.4f} is not below that of {name}, {theirs:.4f}, by more than"
                    f" chance ({len(self._actual):,} ratings held out)"
                )
        return ""

    @cached_property
    def _actual(self) -> Floats:
        return np.asarray(self._reader.interactions.ratings[self._reader.held])

    @cached_property
    def _means(self) -> DampedMeans:
        return self._reader.means()

    @cached_property
    def _baseline(self) -> Floats:
        return self._predicted(BaselineRatings.of(self._means, self._reader.scale))

    @cached_property
    def _rows(self) -> Floats:
        return fit_rows(self._reader, self._factors)

    @cached_property
    def _folded(self) -> FoldedRatings:
        return FoldedRatings.of(self._reader, self._rows, self._means, self._factors)


def is_refused(predicted: Floats, baseline: Floats, actual: Floats, users: NDArray[np.integer]) -> bool:
    """Whether predictions are not better than a baseline by more than chance; each of shape (n,).

    The mean difference of squared errors, paired by rating, must be more than its standard error below 0; ratings of
    one person are not independent, so the error is that of sums over people. One standard error and not two: with two,
    a site of less than some 30,000 ratings would hardly ever publish a model that is better, while a model that is no
    better and passes by chance does no harm.
    """
    if len(actual) < MIN_JUDGED:
        return False
    worse = np.square(predicted.astype(np.float64) - actual) - np.square(baseline.astype(np.float64) - actual)
    difference = float(worse.mean())
    error = np.sqrt(np.square(np.bincount(users, worse - difference)).sum()) / len(worse)
    # Written so that NaN is refused.
    return not difference + float(error) < 0

"""Fit the nightly rating predictor and measure it on held-out ratings."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from recommendations.algorithms.interactions import Interactions
from recommendations.algorithms.measuring.rating_metrics import mae, rmse
from recommendations.algorithms.ratings.base import BaselineRatings, OnShare, RatingModel
from recommendations.algorithms.ratings.predictor import RatingPredictor, RatingPredictorConfig

# People with fewer ratings keep all of them for training.
MIN_RATINGS = 20


def fit_measured(
    interactions: Interactions,
    config: RatingPredictorConfig | None,
    *,
    held_out: float,
    seed: int,
    on_share: OnShare | None = None,
) -> tuple[RatingModel | None, dict[str, float | int]]:
    """Fit a predictor on all ratings except a random share ``held_out``, and measure its RMSE and MAE on that share.

    One fit both serves and is measured: a second one would double the time, and the held-out share costs about .001 of
    RMSE. Returns no model and no figures without a configuration, or if there are no two different ratings; no figures
    if nobody has MIN_RATINGS.
    """
    rated = ~np.isnan(interactions.ratings)
    if config is None or len(np.unique(interactions.ratings[rated])) < 2:
        return None, {}
    held = _held_out(interactions, rated, held_out, seed)
    kept = interactions.take(~held)
    model = RatingPredictor(config).fit(kept, on_share)
    if not held.any():
        return model, {}
    users, items, actual = interactions.users[held], interactions.items[held], interactions.ratings[held]
    predicted = model.predict(users, items)
    baseline = BaselineRatings().fit(kept).predict(users, items)
    return model, {
        "ratings_held_out": int(held.sum()),
        "rating_rmse": round(rmse(predicted, actual), 5),
        "rating_mae": round(mae(predicted, actual), 5),
        "rating_rmse_baseline": round(rmse(baseline, actual), 5),
    }


def _held_out(interactions: Interactions, rated: NDArray[np.bool_], share: float, seed: int) -> NDArray[np.bool_]:
    counts = np.bincount(interactions.users[rated], minlength=len(interactions.user_ids))
    eligible = rated & (counts[interactions.users] >= MIN_RATINGS)
    return eligible & (np.random.default_rng(seed).random(len(interactions)) < share)

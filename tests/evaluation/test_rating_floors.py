"""Predicted ratings on the real ML-100k: better than the best published row, or something broke."""

import numpy as np
import pytest

from recommendations.algorithms.measuring.rating_metrics import mae, rmse
from recommendations.algorithms.ratings.base import BaselineRatings
from recommendations.algorithms.ratings.predictor import RatingPredictor, RatingPredictorConfig
from recommendations.evaluation.protocols.rating import folds, read_in_order
from recommendations.evaluation.published import ML100K_RMSE


@pytest.mark.slow
def test_the_nightly_predictor_beats_the_best_published_row(ml_100k):
    _, data = read_in_order(ml_100k)
    train, test = next(folds(len(data), seed=0))
    kept, held = data.take(train), data.take(test)
    baseline = BaselineRatings().fit(kept).predict(held.users, held.items)
    predicted = RatingPredictor(RatingPredictorConfig.nightly()).fit(kept).predict(held.users, held.items)

    best = min(ML100K_RMSE, key=lambda row: row.figures["rmse"])
    assert rmse(predicted, held.ratings) <= 0.89 < best.figures["rmse"]
    assert mae(predicted, held.ratings) <= 0.70 < best.figures["mae"]
    assert rmse(baseline, held.ratings) == pytest.approx(0.947, abs=0.01)
    assert np.ptp(predicted) > 3

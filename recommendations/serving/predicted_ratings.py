"""Predicts a person's ratings: the mean of the nightly prediction and of one folded in from their newest ratings.

The nightly model has read all older ratings of a person. Folding in reads their newest ratings, and works for any movie
and for people whom the nightly model has not seen. The weight of the nightly prediction grows with the ratings that the
training has read. Ratings newer than the training shift it by the change that they make to the folded-in prediction.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import isnan

import numpy as np

from events.kinds import Kind
from events.models import MAX_RATING, MIN_RATING
from events.selectors import Signal, history
from recommendations.algorithms.listing.session_query import RealtimeConfig
from recommendations.algorithms.ratings.fold_in import LEVEL, LOADINGS, fold_in, predict_rows
from recommendations.retrieval.candidates import LiveModel, live_model
from recommendations.retrieval.database_state import catalogue_token
from recommendations.retrieval.movie_features import MovieFeatureCache, feature_cache_for
from recommendations.vectors.binary import Vector

# After this many ratings the nightly prediction weighs as much as the folded-in one; see docs/evaluation.md.
NIGHTLY_DAMPING = 20.0


@dataclass(frozen=True)
class RatingPredictions:
    """The data that predicts one person's ratings.

    nightly: nightly predictions by movie id; person: their vector, float32 (RATING_DIMENSIONS - LOADINGS,), None
    without usable ratings; shift: the change of that vector by ratings newer than the training; nightly_weight: of a
    nightly prediction in the mean with a folded-in one, 0 to 1.
    """

    nightly: dict[int, float] = field(default_factory=dict)
    person: Vector | None = None
    shift: Vector | None = None
    nightly_weight: float = 1.0

    def predict(self, movie_ids: Sequence[int], rating_factors: Vector) -> list[float | None]:
        """The predicted rating of each of n movies, rounded to a tenth of a star; None if it is unknown.

        rating_factors: of these movies, float32 (n, RATING_DIMENSIONS), NaN without.
        """
        predicted = np.array([self.nightly.get(movie_id, np.nan) for movie_id in movie_ids], np.float64)
        if self.person is not None:
            folded = predict_rows(rating_factors, self.person)
            if self.shift is not None:
                predicted += np.nan_to_num(rating_factors[:, LOADINGS:] @ self.shift)
            mean = self.nightly_weight * predicted + (1 - self.nightly_weight) * folded
            predicted = np.where(np.isnan(predicted), folded, np.where(np.isnan(folded), predicted, mean))
        rounded = np.clip(predicted, MIN_RATING, MAX_RATING).round(1).tolist()
        return [None if isnan(rating) else rating for rating in rounded]


def rating_predictions(
    features: MovieFeatureCache, live: LiveModel, signals: Sequence[Signal], seen: int
) -> RatingPredictions:
    """Build the predictions from the nightly list and the ratings among a person's newest signals.

    seen: the number of movies they have seen. No query if the features of the signals' movies are cached.
    """
    nightly = live.ratings_by_movie()
    rated = [signal for signal in signals if signal.kind == Kind.RATING and signal.value is not None]
    if live.version_id is None or not rated:
        return RatingPredictions(nightly)
    factors = features.vectors(live.version_id).rating_factors([signal.movie_id for signal in rated])
    usable = ~np.isnan(factors[:, LEVEL])
    if not usable.any():
        return RatingPredictions(nightly)
    factors, values = factors[usable], np.array([signal.value for signal in rated], np.float32)[usable]
    person = fold_in(factors, values)
    if not nightly:
        return RatingPredictions(person=person)
    newer = live.newer_than_training(rated)[usable]
    shift = person - fold_in(factors[~newer], values[~newer]) if newer.any() and not newer.all() else None
    # Most movies that somebody has seen they have also rated; only the newest signals show which.
    read = max(seen - int(newer.sum()), 0)
    return RatingPredictions(nightly, person, shift, read / (read + NIGHTLY_DAMPING))


def predicted_rating(user_id: int, movie_id: int) -> float | None:
    """A person's predicted rating of one movie; None if it is unknown. Two queries when the movies are cached."""
    features = feature_cache_for(catalogue_token())
    live = live_model(user_id)
    if live.version_id is None:
        return None
    signals, seen = history(user_id, RealtimeConfig().signals)
    predictions = rating_predictions(features, live, signals, len(seen))
    return predictions.predict([movie_id], features.vectors(live.version_id).rating_factors([movie_id]))[0]

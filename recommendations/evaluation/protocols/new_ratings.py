"""Ratings of new people: predicted from their first few ratings, measured on the rest.

The protocol holds out 1,000 people completely, fits the movies' rating rows on everybody else, folds a person's first k
ratings by time into them, and predicts all later ones, for people with at least five left. The baselines are the damped
means that every rating predictor falls back on. Hyperparameters were chosen on other people, drawn from those who are
not held out here.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from recommendations.algorithms.measuring.bootstrap import Interval
from recommendations.algorithms.ratings import base
from recommendations.algorithms.ratings.fold_in import RatingFactorsConfig, fit_rating_factors, fold_in, predict_rows
from recommendations.evaluation.protocols.base import Options, ProtocolError, Stopwatch
from recommendations.evaluation.protocols.data import Ratings, read_ratings
from recommendations.evaluation.protocols.new_users import HELD_OUT_PEOPLE, held_out_people
from recommendations.evaluation.report import EvaluationReport, ModelRow

NAME = "new-ratings"
RATINGS_SHOWN = (1, 3, 5, 10, 20)
MAIN_RATINGS_SHOWN = 5
MIN_RATINGS_LEFT = 5
RESAMPLES = 1000
CONFIG = RatingFactorsConfig()
OURS, ITEM_MEAN, BOTH_MEANS = "ours", "movie's mean, run here", "movie's and person's mean, run here"

Floats = NDArray[np.float32]
# Of each person: the sum of squared errors and the number of ratings, shape (people, 2).
Errors = NDArray[np.float64]


def run(path: Path, options: Options, *, people: int = HELD_OUT_PEOPLE) -> EvaluationReport:
    """Measure ours and damped means, RMSE after each number of ratings. Ignores the option ``k``.

    Raises ArchiveError or ProtocolError for data that cannot be split like this.
    """
    watch = Stopwatch(options.on_progress)
    with watch.stage("reading", 0.0):
        name, ratings = read_ratings(path)
    held = held_out_people(np.unique(ratings.users), people, options.seed)
    mine = np.isin(ratings.users, held)
    with watch.stage("fitting ours", 0.1):
        models = Models.fit(ratings.take(~mine))
    per_model: dict[str, dict[int, Errors]] = {model: {} for model in (OURS, ITEM_MEAN, BOTH_MEANS)}
    facts: dict[str, int | float | str] = {"people held out": len(held)}
    for number, count in enumerate(RATINGS_SHOWN):
        with watch.stage("scoring", 0.6 + 0.4 * number / len(RATINGS_SHOWN)):
            errors = measure(models, ratings.take(mine), count)
        if not errors:
            continue
        facts[f"people with {count} shown and {MIN_RATINGS_LEFT} left"] = len(errors[OURS])
        for model, found in errors.items():
            per_model[model][count] = found
    if not per_model[OURS]:
        raise ProtocolError(f"The test part is empty: nobody has {MIN_RATINGS_LEFT + 1} ratings.")
    main = MAIN_RATINGS_SHOWN if MAIN_RATINGS_SHOWN in per_model[OURS] else max(per_model[OURS])
    rows = [_row(model, found, main, options.seed) for model, found in per_model.items()]
    facts |= watch.facts()
    return EvaluationReport(
        NAME,
        name,
        f"rmse after {main}",
        rows,
        facts=facts,
        hyperparameters=asdict(CONFIG),
        curve_over="ratings shown",
        curve_of="RMSE",
    )


@dataclass(frozen=True, slots=True)
class Models:
    """What was fitted on everybody else. item_ids: ascending, (I,); rows: as of ``fit_rating_factors``."""

    item_ids: NDArray[np.int64]
    rows: Floats
    means: base.DampedMeans
    scale: tuple[float, float]

    @classmethod
    def fit(cls, others: Ratings) -> Models:
        """Fit all of them on the ratings of the people who are not held out."""
        user_ids, users = np.unique(others.users, return_inverse=True)
        item_ids, items = np.unique(others.items, return_inverse=True)
        shape = (len(user_ids), len(item_ids))
        given = base.Ratings(users.astype(np.int32), items.astype(np.int32), others.ratings, shape)
        return cls(item_ids, fit_rating_factors(given, CONFIG), base.DampedMeans.fit(given), given.scale)

    def predict(self, shown: Ratings, wanted: NDArray[np.int64]) -> dict[str, Floats]:
        """What each model predicts for one person's ``wanted`` items, (n,), from the ratings ``shown``."""
        seen, asked = self._places(shown.items), self._places(wanted)
        offsets = np.append(self.means.items, np.float32(0))
        item = self.means.mean + offsets[asked]
        # As in the damped means of everybody else.
        rest = shown.ratings - self.means.mean - offsets[seen]
        person = rest.sum() / (len(rest) + base.USER_DAMPING)
        known = seen >= 0
        ours = predict_rows(self.rows[asked], fold_in(self.rows[seen[known]], shown.ratings[known]))
        found = {OURS: ours, ITEM_MEAN: item, BOTH_MEANS: item + person}
        return {model: np.clip(predicted, *self.scale) for model, predicted in found.items()}

    def _places(self, items: NDArray[np.int64]) -> NDArray[np.int64]:
        """Their positions; of an item that nobody else rated -1, where the average item's row is."""
        place = np.minimum(np.searchsorted(self.item_ids, items), len(self.item_ids) - 1)
        return np.where(self.item_ids[place] == items, place, -1)


def measure(models: Models, held: Ratings, count: int) -> dict[str, Errors]:
    """Each model's errors for people with ``count`` ratings shown and enough left; empty if there is nobody."""
    _, starts, sizes = np.unique(held.users, return_index=True, return_counts=True)
    errors: dict[str, list[tuple[float, int]]] = {}
    for start, size in zip(starts.tolist(), sizes.tolist(), strict=True):
        if size < count + MIN_RATINGS_LEFT:
            continue
        shown, left = held.take(np.arange(start, start + count)), held.take(np.arange(start + count, start + size))
        for model, predicted in models.predict(shown, left.items).items():
            squares = np.square(predicted.astype(np.float64) - left.ratings)
            errors.setdefault(model, []).append((float(squares.sum()), len(left)))
    return {model: np.array(found, np.float64) for model, found in errors.items()}


def rmse_interval(errors: Errors, seed: int) -> Interval:
    """The RMSE over all ratings, with its 95% bootstrap interval over people."""
    rng = np.random.default_rng(seed)
    draws = [errors[rng.integers(0, len(errors), len(errors))].sum(axis=0) for _ in range(RESAMPLES)]
    low, high = np.quantile([np.sqrt(squares / n) for squares, n in draws], [0.025, 0.975])
    return Interval(_rmse(errors), float(low), float(high))


def _rmse(errors: Errors) -> float:
    squares, n = errors.sum(axis=0)
    return float(np.sqrt(squares / n))


def _row(model: str, found: dict[int, Errors], main: int, seed: int) -> ModelRow:
    curve = {count: _rmse(errors) for count, errors in found.items()}
    figures = {f"rmse after {count}": value for count, value in curve.items()}
    return ModelRow(model, figures, rmse_interval(found[main], seed), curve)

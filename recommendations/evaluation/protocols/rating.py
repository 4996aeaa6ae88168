"""Rating prediction by 5-fold cross-validation, as in the README of Surprise: RMSE and MAE, means over the folds.

The folds are those of Surprise's ``KFold(5, random_state=seed)`` on the ratings in the order of their file. The
hyperparameters of our predictor (``RatingPredictorConfig``) were chosen on one validation part: a tenth of the
*training* part of fold 0 of seed 0, on both data sets. Nothing is chosen by a test part; each is read once, to measure.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from movies.movielens.archive import open_archive
from recommendations.algorithms.interactions import Interactions
from recommendations.algorithms.measuring.bootstrap import Interval, mean_interval
from recommendations.algorithms.measuring.rating_metrics import mae, rmse
from recommendations.algorithms.ratings.base import BaselineRatings, RatingModel
from recommendations.algorithms.ratings.predictor import RatingPredictor, RatingPredictorConfig
from recommendations.algorithms.ratings.surprise_svd import (
    SurpriseSvd,
    SurpriseSvdConfig,
    SurpriseSvdpp,
    SurpriseSvdppConfig,
)
from recommendations.evaluation.protocols.base import Options, ProtocolError, Stopwatch
from recommendations.evaluation.published import ML1M_RMSE, ML100K_RMSE, PublishedRow
from recommendations.evaluation.report import EvaluationReport, ModelRow

ML100K_NAME = "ml100k-rmse"
ML1M_NAME = "ml1m-rmse"
FOLDS = 5
# SVD++ takes seconds a fold up to here, and minutes above.
SVDPP_RATINGS = 200_000
RESAMPLES = 200
CONFIG = RatingPredictorConfig()
NIGHTLY = RatingPredictorConfig.nightly()

Makers = dict[str, Callable[[], RatingModel]]


# Predicted minus actual ratings of one test part.
Errors = NDArray[np.float32]


def run_ml100k(path: Path, options: Options) -> EvaluationReport:
    """Measure our predictor (full and nightly), Surprise's and damped means, with ML-100k's published rows.

    Raises ArchiveError, BadLineError or ProtocolError for bad input. Ignores the option ``k``.
    """
    return _run(ML100K_NAME, ML100K_RMSE, path, options)


def run_ml1m(path: Path, options: Options) -> EvaluationReport:
    """As ``run_ml100k``, with ML-1M's published rows."""
    return _run(ML1M_NAME, ML1M_RMSE, path, options)


def folds(n: int, seed: int) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Positions of training and test part of each fold, as Surprise's KFold draws them from n ratings."""
    order = np.arange(n)
    # The published folds were drawn by the legacy generator.
    np.random.RandomState(seed).shuffle(order)
    parts = np.array_split(order, FOLDS)
    for number, test in enumerate(parts):
        yield np.concatenate(parts[:number] + parts[number + 1 :]), test


def _run(name: str, published: tuple[PublishedRow, ...], path: Path, options: Options) -> EvaluationReport:
    watch = Stopwatch(options.on_progress)
    with watch.stage("reading", 0.0):
        data_name, data = read_in_order(path)
    if len(data) < FOLDS:
        raise ProtocolError(f"A test part is empty: {len(data)} ratings cannot be split into {FOLDS} folds.")
    models = _models(len(data), options)
    errors: dict[str, list[Errors]] = {model: [] for model in models}
    for number, (train, test) in enumerate(folds(len(data), options.seed)):
        kept, held = data.take(train), data.take(test)
        for place, (model, make) in enumerate(models.items()):
            done, share = (number + place / len(models)) / FOLDS, 1 / len(models) / FOLDS
            report = partial(_report_share, options, f"fold {number + 1}: {model}", done, share)
            with watch.stage(f"fitting {model}", done):
                fitted = make().fit(kept, report)
            with watch.stage(f"scoring {model}", done + share):
                errors[model].append(fitted.predict(held.users, held.items) - held.ratings)
    facts: dict[str, int | float | str] = {
        "people": len(data.user_ids),
        "movies": len(data.item_ids),
        "ratings": len(data),
        "folds": f"{FOLDS}, seed {options.seed}",
    }
    for metric in ("rmse", "mae"):
        for model, parts in errors.items():
            facts[f"{metric} by fold, {model}"] = " ".join(f"{_figure(metric, part):.4f}" for part in parts)
    rows = [_row(model, parts, options.seed) for model, parts in errors.items()]
    return EvaluationReport(name, data_name, "rmse", rows, published, {**facts, **watch.facts()}, asdict(CONFIG))


def read_in_order(path: Path) -> tuple[str, Interactions]:
    """The data set's name and its ratings in the order of the file. Raises ArchiveError or BadLineError."""
    with open_archive(path) as archive:
        frame = pl.concat(list(archive.ratings()))
        name = archive.name
    columns = (frame[column].to_numpy() for column in ("user", "movie", "rating"))
    users, movies, ratings = columns
    return name, Interactions.from_columns(users, movies, ratings=ratings.astype(np.float32))


def _models(ratings: int, options: Options) -> Makers:
    """The models to fit on each fold, by their names in the table."""
    seed = options.seed
    ours = {"ours": CONFIG, "ours, nightly settings": NIGHTLY}
    if options.ablation:
        ours |= ablations()
    makers: Makers = {
        model: partial(RatingPredictor, replace(config, random_state=seed)) for model, config in ours.items()
    }
    if ratings <= SVDPP_RATINGS:
        makers["SVD++ (Surprise), run here"] = partial(SurpriseSvdpp, SurpriseSvdppConfig(random_state=seed))
    makers["SVD (Surprise), run here"] = partial(SurpriseSvd, SurpriseSvdConfig(random_state=seed))
    makers["damped means"] = BaselineRatings
    return makers


def ablations() -> dict[str, RatingPredictorConfig]:
    """Our predictor without each of its parts in turn."""
    return {
        "without the ordinal response": replace(CONFIG, responses=("gaussian",)),
        "without the Gaussian response": replace(CONFIG, responses=("ordinal",)),
        "without SVD": replace(CONFIG, svd_weight=0.0),
        "without who rated what": replace(CONFIG, chain=replace(CONFIG.chain, link_columns=0)),
    }


def _report_share(options: Options, stage: str, done: float, share: float, fitted: float) -> None:
    options.on_progress(stage, done + share * fitted)


def _figure(metric: str, errors: Errors) -> float:
    zeros = np.zeros_like(errors)
    return rmse(errors, zeros) if metric == "rmse" else mae(errors, zeros)


def _row(model: str, parts: list[Errors], seed: int) -> ModelRow:
    """Means over the folds; the interval is over all ratings, each of which is in one test part."""
    figures = {metric: float(np.mean([_figure(metric, part) for part in parts])) for metric in ("rmse", "mae")}
    squares = mean_interval(np.square(np.concatenate(parts)), resamples=RESAMPLES, seed=seed)
    interval = Interval(figures["rmse"], float(np.sqrt(squares.low)), float(np.sqrt(squares.high)))
    return ModelRow(model, figures, interval)

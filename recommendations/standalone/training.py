"""``train --data PATH --out DIR``: the nightly pipeline with its shipped hyperparameters, from a file to a folder."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from events.kinds import Kind
from recommendations.algorithms.pipeline.memory import peak_memory_mib, peak_memory_reset
from recommendations.algorithms.pipeline.train import ALGORITHM, OnProgress, TrainingConfig, train
from recommendations.algorithms.pipeline.tune import Limits, Trial, TunedConfig, tune
from recommendations.algorithms.rankers.ensemble import EnsembleConfig
from recommendations.algorithms.ratings.predictor import RatingPredictorConfig
from recommendations.algorithms.threads import limited_threads
from recommendations.standalone.bundle import bundle_write, check_out, manifest_write, replaced_folder
from recommendations.standalone.data import StandaloneData, read_standalone_data

LIST_LENGTH = 100
_READ_SHARE = 0.05
_WRITE_SHARE = 0.9


@dataclass(frozen=True, slots=True)
class StandaloneOptions:
    """threads: of linear algebra, 0 for all cores. evaluated_people: 0 skips the measurement.

    rating: the rating predictor, if the data has ratings; None predicts none.
    """

    seed: int = 0
    threads: int = 0
    max_items: int = 20_000
    evaluated_people: int = 1000
    rating: RatingPredictorConfig | None = field(default_factory=RatingPredictorConfig.nightly)


def standalone_train(
    path: Path,
    out: Path,
    options: StandaloneOptions,
    *,
    limits: Limits | None = None,
    on_progress: OnProgress = lambda stage, share: None,
) -> dict[str, Any]:
    """Train on the file at ``path``, write ``out`` completely or not at all, and return the content of model.json.

    limits: of a search for hyperparameters, on validation splits of the same file; None trains with the shipped ones.
    Raises ImportFailed for the file, BundleError for the folder, NothingToTrainOnError if nobody likes anything,
    TooLittleFeedbackError if there is too little to tune on.
    """
    check_out(out)
    peak_memory_reset()
    started = time.perf_counter()
    on_progress("reading", 0.0)
    data = read_standalone_data(path)
    seconds = {"reading": time.perf_counter() - started}
    config, tuning = standalone_config(options, data), None
    with limited_threads(options.threads):
        if limits is not None:
            on_progress("tuning", _READ_SHARE)
            begun = time.perf_counter()
            config, tuning = _tuned(data, config, limits, on_progress)
            seconds["tuning"] = time.perf_counter() - begun
        interactions = data.interactions(config.feedback)
        model = train(
            interactions,
            data.contents,
            config,
            lambda stage, share: on_progress(stage, _READ_SHARE + (_WRITE_SHARE - _READ_SHARE) * share),
        )
        seconds |= model.seconds
        on_progress("writing", _WRITE_SHARE)
        begun = time.perf_counter()
        with replaced_folder(out) as folder:
            bundle_write(folder, model, data, LIST_LENGTH)
            seconds["writing"] = time.perf_counter() - begun
            facts = {
                "dataset": data.name,
                "algorithm": ALGORITHM,
                "seed": options.seed,
                "people": len(data.user_ids),
                "items": len(data.item_ids),
                "interactions": len(interactions),
                "repeated": len(data) - len(interactions),
                "hyperparameters": config.as_dict(),
                "tuning": tuning,
                "metrics": model.metrics,
                "seconds": {name: round(value, 2) for name, value in seconds.items()},
                "peak_memory_mib": peak_memory_mib(),
            }
            manifest_write(folder, facts)
    return facts


def standalone_config(options: StandaloneOptions, data: StandaloneData) -> TrainingConfig:
    """The shipped hyperparameters, with the seed of the options for every random draw."""
    shipped = EnsembleConfig()
    ranker = replace(
        shipped,
        max_items=options.max_items,
        als=tuple(replace(als, random_state=als.random_state + options.seed) for als in shipped.als),
        spectral=replace(shipped.spectral, random_state=options.seed),
    )
    return TrainingConfig(
        ranker=ranker,
        rating=options.rating if (data.kinds == Kind.RATING.code).any() else None,
        evaluated_people=options.evaluated_people,
        random_state=options.seed,
    )


def _tuned(
    data: StandaloneData, config: TrainingConfig, limits: Limits, on_progress: OnProgress
) -> tuple[TrainingConfig, dict[str, Any]]:
    """The configuration, with the found hyperparameters if they improve it; and the search's result, for model.json."""

    def show(trial: Trial) -> None:
        on_progress(f"tuning, trial {trial.number + 1}", _READ_SHARE)

    shipped = TunedConfig(config.ranker, config.feedback)
    result = tune(data.interactions, shipped=shipped, limits=limits, seed=config.random_state, on_trial=show)
    if result.improves:
        config = replace(config, ranker=result.best.ranker, feedback=result.best.feedback)
    return config, asdict(result) | {"improves": result.improves}

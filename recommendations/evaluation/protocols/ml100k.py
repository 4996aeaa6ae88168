"""ML-100k, 75/25 at random per person, every test rating relevant: the table of recommenders-team/recommenders.

Five splits, by the seeds 42 to 46 (``seed`` n moves them by 5n); figures are means over them, and the interval is over
people, each with their mean over the splits. The hyperparameters are constants, chosen on validation data cut from
training parts. Nothing is chosen by the test parts.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from recommendations.algorithms.interactions import Interactions
from recommendations.algorithms.measuring.bootstrap import difference_interval, mean_interval
from recommendations.algorithms.measuring.splitting import split_per_person
from recommendations.algorithms.rankers.ensemble import EVERY_RATING, RATING_STRENGTH, EnsembleConfig, RankingEnsemble
from recommendations.algorithms.rankers.linear_autoencoder import LinearAutoencoder, LinearAutoencoderConfig
from recommendations.algorithms.sparse import binarised
from recommendations.evaluation.protocols.base import Options, ProtocolError, Stopwatch
from recommendations.evaluation.protocols.data import Ratings, read_ratings
from recommendations.evaluation.protocols.ranking import Scorer, ablations, popularity_scorer, ranking_task
from recommendations.evaluation.published import ML100K_75_25
from recommendations.evaluation.report import EvaluationReport, ModelRow, ranking_row

NAME = "ml100k-75-25"
FIRST_SEED = 42
SPLITS = 5
TEST_SHARE = 0.25
EASE = LinearAutoencoderConfig(400.0, 0.0, 0.0, 0.0, 0.0, 0.0)


def run(path: Path, options: Options, *, splits: int = SPLITS) -> EvaluationReport:
    """Measure our pipeline, tuned for data in which every rating is relevant, EASE and popularity over the splits.

    Raises ArchiveError or ProtocolError if PATH is not a MovieLens archive that can be split.
    """
    watch = Stopwatch(options.on_progress)
    with watch.stage("reading", 0.0):
        name, ratings = read_ratings(path)
    variants = {"ours": EVERY_RATING} | (ablations(EVERY_RATING) if options.ablation else {})
    models: dict[str, Callable[[Interactions], Scorer]] = {
        **{model: partial(_ensemble, config) for model, config in variants.items()},
        "EASE": lambda train: _on_binary(LinearAutoencoder(EASE).fit(binarised(train.likes())).scores),
        "popularity": lambda train: popularity_scorer(train.likes()),
    }
    found: dict[str, list[tuple[ModelRow, NDArray[np.float64]]]] = {model: [] for model in models}
    facts: dict[str, int | float | str] = {}
    for number in range(splits):
        seed = FIRST_SEED + options.seed * SPLITS + number
        for model, row in _one_split(
            ratings, seed, models=models, options=options, watch=watch, progress=number / splits
        ):
            found[model].append(row)
    rows = [_mean_row(model, parts, options) for model, parts in found.items()]
    per_person = {model: np.nanmean([part[1] for part in parts], axis=0) for model, parts in found.items()}
    gain = difference_interval(per_person["ours"], per_person["EASE"], seed=options.seed)
    facts["people"] = len(per_person["ours"])
    first = FIRST_SEED + options.seed * SPLITS
    facts["seeds"] = f"{first} to {first + splits - 1}"
    facts["ours by seed"] = " ".join(f"{part[0].figures[f'ndcg@{options.k}']:.5f}" for part in found["ours"])
    facts["ours over EASE"] = f"{gain.mean:+.5f} [{gain.low:+.5f}, {gain.high:+.5f}]"
    facts |= watch.facts()
    return EvaluationReport(NAME, name, f"ndcg@{options.k}", rows, ML100K_75_25, facts, asdict(EVERY_RATING))


def _one_split(
    ratings: Ratings,
    seed: int,
    *,
    models: dict[str, Callable[[Interactions], Scorer]],
    options: Options,
    watch: Stopwatch,
    progress: float,
) -> list[tuple[str, tuple[ModelRow, NDArray[np.float64]]]]:
    """Each model's row and nDCG per person on one split."""
    held = split_per_person(ratings.users, share=TEST_SHARE, seed=seed)
    if not held.any() or held.all():
        raise ProtocolError("The test part is empty: nobody has enough ratings to hold out a quarter of them.")
    kept = ratings.take(~held)
    strengths = (1 + RATING_STRENGTH * (kept.ratings - 3.5)).astype(np.float32)
    train = Interactions.from_columns(kept.users, kept.items, weights=strengths)
    pairs = np.stack([ratings.users, ratings.items], axis=1)
    task = ranking_task(pairs[~held], pairs[held], items=train.item_ids, strengths=strengths)
    found = []
    for model, fit in models.items():
        with watch.stage(f"fitting {model}", progress):
            scorer = fit(train)
        with watch.stage(f"scoring {model}", progress):
            ranked = task.ranked(scorer, options.k)
        found.append((model, ranking_row(model, ranked, task.relevant, k=options.k)))
    return found


def _mean_row(model: str, parts: list[tuple[ModelRow, NDArray[np.float64]]], options: Options) -> ModelRow:
    rows = [row for row, _ in parts]
    figures = {name: float(np.mean([row.figures[name] for row in rows])) for name in rows[0].figures}
    curve = {cut: float(np.mean([row.curve[cut] for row in rows])) for cut in rows[0].curve}
    people = np.nanmean([values for _, values in parts], axis=0)
    return ModelRow(model, figures, mean_interval(people, seed=options.seed), curve)


def _ensemble(config: EnsembleConfig, train: Interactions) -> Scorer:
    return RankingEnsemble(config).fit(train.likes()).scores


def _on_binary(scorer: Scorer) -> Scorer:
    return lambda rows: scorer(binarised(rows))

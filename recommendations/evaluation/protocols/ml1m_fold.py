"""ML-1M, the published fold: ratings of 4 and up, 10-core, 80/20 per person; ranks the items outside training.

V. W. Anelli et al., Top-N Recommendation Algorithms: A Quest for the State of the Art, UMAP 2022. nDCG with binary
gain, its ideal cut at min(k, test items); the mean over the people of the test part.

The hyperparameters are constants, chosen on validation data cut from the training part. Nothing is chosen by the test
part.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from pathlib import Path

from recommendations.algorithms.interactions import Interactions
from recommendations.algorithms.measuring.bootstrap import difference_interval
from recommendations.algorithms.rankers.ensemble import EnsembleConfig, RankingEnsemble
from recommendations.algorithms.rankers.linear_autoencoder import EASE_ML1M, LinearAutoencoder
from recommendations.evaluation.protocols.base import Options, Stopwatch
from recommendations.evaluation.protocols.data import as_likes, read_fold
from recommendations.evaluation.protocols.ranking import Scorer, ablations, popularity_scorer, ranking_task
from recommendations.evaluation.published import ML1M_FOLD
from recommendations.evaluation.report import EvaluationReport, ModelRow, ranking_row

NAME = "ml1m-fold"


def run(path: Path, options: Options) -> EvaluationReport:
    """Measure our pipeline, EASE and popularity on the fold, and with ``ablation`` the pipeline without each part.

    Raises ArchiveError or ProtocolError if PATH is not such a fold.
    """
    watch = Stopwatch(options.on_progress)
    with watch.stage("reading", 0.0):
        fold = read_fold(path)
        interactions = as_likes(fold.train[:, 0], fold.train[:, 1])
        likes = interactions.likes()
        task = ranking_task(fold.train, fold.test, items=interactions.item_ids)
    config = EnsembleConfig()
    models: dict[str, Callable[[], Scorer]] = {
        "ours": partial(_fit, config, interactions),
        "EASE": lambda: LinearAutoencoder(EASE_ML1M).fit(likes).scores,
        "popularity": lambda: popularity_scorer(likes),
    }
    if options.ablation:
        for name, variant in ablations(config).items():
            models[name] = partial(_fit, variant, interactions)
    rows: list[ModelRow] = []
    per_person = {}
    facts: dict[str, int | float | str] = {"people": task.relevant.shape[0], "items": task.known.shape[1]}
    for number, (name, fit) in enumerate(models.items()):
        progress = (number + 0.1) / (len(models) + 0.1)
        with watch.stage(f"fitting {name}", progress):
            scorer = fit()
        with watch.stage(f"scoring {name}", progress + 0.5 / len(models)):
            ranked = task.ranked(scorer, options.k)
        if name == "ours":
            facts |= watch.facts()
        row, per_person[name] = ranking_row(name, ranked, task.relevant, k=options.k, seed=options.seed)
        rows.append(row)
    gain = difference_interval(per_person["ours"], per_person["EASE"], seed=options.seed)
    facts["ours over EASE"] = f"{gain.mean:+.5f} [{gain.low:+.5f}, {gain.high:+.5f}]"
    facts["ours over EASE, relative"] = f"{gain.mean / rows[1].figures[f'ndcg@{options.k}']:+.2%}"
    return EvaluationReport(NAME, fold.name, f"ndcg@{options.k}", rows, ML1M_FOLD, facts, asdict(config))


def _fit(config: EnsembleConfig, interactions: Interactions) -> Scorer:
    return RankingEnsemble(config).fit(interactions.likes()).scores

"""The result of an evaluation, as rows of a table, as JSON and as curves of a plot."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from recommendations.algorithms.measuring import metrics
from recommendations.algorithms.measuring.bootstrap import Interval, mean_interval
from recommendations.evaluation.published import PublishedRow

CURVE_CUTS = (1, 3, 5, 10, 20, 50)


@dataclass(slots=True)
class ModelRow:
    """One model's figures under a protocol.

    figures: metric name to mean over people. interval: the 95% interval of the protocol's main metric.
    curve: cut-off k to nDCG@k, for ranking protocols; else ``EvaluationReport.curve_of`` over its ``curve_over``.
    """

    model: str
    figures: dict[str, float]
    interval: Interval | None = None
    curve: dict[int, float] = field(default_factory=dict)


@dataclass(slots=True)
class EvaluationReport:
    """All rows of one run of one protocol, with everything needed to repeat it."""

    protocol: str
    data: str
    main_metric: str
    rows: list[ModelRow]
    published: tuple[PublishedRow, ...] = ()
    facts: dict[str, int | float | str] = field(default_factory=dict)
    hyperparameters: Mapping[str, object] = field(default_factory=dict)
    # Label of the plot's x axis.
    curve_over: str = "k, places of the list"
    # Label of its y axis.
    curve_of: str = "nDCG, mean over people"

    def metric_names(self) -> list[str]:
        """All metrics of all rows: the main one first, then in the order of the rows."""
        names = {self.main_metric: None}
        for figures in [row.figures for row in self.rows] + [row.figures for row in self.published]:
            names.update(dict.fromkeys(figures))
        return list(names)

    def write_json(self, path: Path) -> None:
        """Write the report as one JSON object."""
        path.write_text(json.dumps(asdict(self), indent=2, default=str) + "\n")


def ranking_row(
    model: str, ranked: NDArray[np.integer], relevant: csr_array, *, k: int, seed: int = 0
) -> tuple[ModelRow, NDArray[np.float64]]:
    """The ranking metrics of one model's lists at ``k``, and its nDCG@k per person, shape (people,).

    ranked: item positions, best first, shape (people, n) with n >= k. Raises ValueError for an empty test part.
    """
    if relevant.nnz == 0:
        raise ValueError("The test part is empty: there are no relevant items.")
    per_person = metrics.ndcg(ranked, relevant, k)
    figures = {
        f"ndcg@{k}": float(np.nanmean(per_person)),
        f"precision@{k}": float(np.nanmean(metrics.precision(ranked, relevant, k))),
        f"recall@{k}": float(np.nanmean(metrics.recall(ranked, relevant, k))),
        f"hit_rate@{k}": float(np.nanmean(metrics.hit_rate(ranked, relevant, k))),
        f"map@{k}": float(np.nanmean(metrics.average_precision(ranked, relevant, k))),
        f"mrr@{k}": float(np.nanmean(metrics.reciprocal_rank(ranked, relevant, k))),
    }
    cuts = [cut for cut in CURVE_CUTS if cut <= ranked.shape[1]]
    curve = {cut: float(np.nanmean(metrics.ndcg(ranked, relevant, cut))) for cut in cuts}
    return ModelRow(model, figures, mean_interval(per_person, seed=seed), curve), per_person

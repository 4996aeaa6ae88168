"""Shared by the ranking protocols: lists of unseen items from scores, baselines and ablations."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from recommendations.algorithms.rankers.ensemble import EnsembleConfig
from recommendations.algorithms.sparse import column_counts
from recommendations.algorithms.top_n import top_n
from recommendations.evaluation.protocols.base import ProtocolError
from recommendations.evaluation.report import CURVE_CUTS

_BLOCK = 1024

AUTOENCODER_ONLY = EnsembleConfig(als_weight=0.0, spectral_weight=0.0, user_knn_weight=0.0)

Scorer = Callable[[csr_array], NDArray[np.float32]]


@dataclass(frozen=True, slots=True)
class Task:
    """A ranking task: known and relevant items, one row per person of the test part.

    known: strengths of each person's training items, csr (people, I); the lists leave them out.
    relevant: ones, csr (people, at least I). Items that the training part lacks have columns after the last one: they
    count in the ideal list, as in the published protocols, and are never found.
    """

    known: csr_array
    relevant: csr_array

    def __post_init__(self) -> None:
        if self.relevant.nnz == 0:
            raise ProtocolError("The test part is empty: there are no relevant items.")

    def ranked(self, scorer: Scorer, k: int) -> NDArray[np.int32]:
        """Each person's best unseen items, shape (people, n), n the longest list in the report; padded with -1."""
        items = self.known.shape[1]
        if k > items:
            raise ProtocolError(f"k = {k} is more than the {items} items there are to rank.")
        length = min(max(k, *CURVE_CUTS), items)
        lists = np.full((self.known.shape[0], length), -1, np.int32)
        for start in range(0, len(lists), _BLOCK):
            rows = self.known[start : start + _BLOCK]
            # A copy: a scorer may return an array that it keeps.
            scores = np.array(scorer(rows), np.float32)
            scores[rows.nonzero()] = -np.inf
            lists[start : start + _BLOCK], _ = top_n(scores, length)
        return lists


def ranking_task(
    train: NDArray[np.int64], test: NDArray[np.int64], *, items: NDArray[np.int64], strengths: NDArray | None = None
) -> Task:
    """The task of ranking ``items`` (ascending ids) for the people of ``test``; pairs are int64 (n, 2).

    Pairs of ``train`` with other items are left out. strengths: of the pairs of ``train``, shape (n,); 1 by default.
    """
    people = np.unique(test[:, 0])
    unknown = np.setdiff1d(test[:, 1], items)
    columns = np.concatenate([items, unknown])
    order = np.argsort(columns, kind="stable")
    place = order[np.searchsorted(columns, test[:, 1], sorter=order)]
    shape = (len(people), len(columns))
    ones = np.ones(len(test), np.float32)
    relevant = csr_array((ones, (np.searchsorted(people, test[:, 0]), place)), shape=shape)
    kept = np.isin(train[:, 0], people) & np.isin(train[:, 1], items)
    rows, cols = np.searchsorted(people, train[kept, 0]), np.searchsorted(items, train[kept, 1])
    values = np.ones(len(rows), np.float32) if strengths is None else np.asarray(strengths[kept], np.float32)
    return Task(csr_array((values, (rows, cols)), shape=(len(people), len(items))), relevant)


def popularity_scorer(likes: csr_array) -> Scorer:
    """Scores each item by the number of people who liked it, for everyone."""
    counts = column_counts(likes).astype(np.float32)
    return lambda rows: np.repeat(counts[None], rows.shape[0], axis=0)


def ablations(config: EnsembleConfig) -> dict[str, EnsembleConfig]:
    """The configuration with each of its parts removed in turn."""
    parts: dict[str, dict[str, Any]] = {
        "without ALS": {"als_weight": 0.0},
        "without the spectral filter": {"spectral_weight": 0.0},
        "without user kNN": {"user_knn_weight": 0.0},
        "with the first factorisation only": {"als": config.als[:1]},
        "without the prior of popularity": {"popularity_prior": 0.0},
        "autoencoder alone": {"als_weight": 0.0, "spectral_weight": 0.0, "user_knn_weight": 0.0},
    }
    auto = config.autoencoder
    refinements = {
        "autoencoder without dropout": {"dropout_ratio": 0.0},
        "autoencoder without weights of people": {"person_exponent": 0.0},
        "autoencoder with one ridge for all items": {"regularization_popularity_exponent": 0.0},
        "autoencoder with a zero diagonal": {"diagonal_relaxation": 0.0},
        "autoencoder with a free diagonal": {"diagonal_relaxation": 1.0},
        "autoencoder without damping of popular items": {"target_popularity_exponent": 0.0},
    }
    variants = {name: replace(config, **changes) for name, changes in parts.items()}
    for name, changes in refinements.items():
        variants[name] = replace(config, autoencoder=replace(auto, **changes))
    # Leaves out parts that the configuration does not use.
    return {name: variant for name, variant in variants.items() if variant != config}

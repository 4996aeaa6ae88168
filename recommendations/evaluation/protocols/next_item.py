"""Leave-one-out: what somebody rates next, by the order of what they rated before; all items are ranked.

The protocol of the papers on sequential recommendation. All ratings count, in the order of time, ties in the order of
the file; items and people with fewer than five are left out, until nothing changes. Everybody's last rating is the test
item and the one before it the validation item. Models learn from the ratings before both; the lists for the test item
use everything before it, and leave those items out. Hyperparameters are chosen by the validation item.
"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from recommendations.algorithms.rankers.linear_autoencoder import EASE_ML1M, LinearAutoencoder
from recommendations.algorithms.rankers.next_item import NextItemConfig, NextItemModel, Sequences
from recommendations.algorithms.top_n import top_n
from recommendations.evaluation.protocols.base import Options, ProtocolError, Stopwatch
from recommendations.evaluation.protocols.data import Ratings, read_ratings
from recommendations.evaluation.protocols.ranking import popularity_scorer, ranking_task
from recommendations.evaluation.published import NEXT_ITEM
from recommendations.evaluation.report import CURVE_CUTS, EvaluationReport, ModelRow, ranking_row

NAME = "next-item"
MIN_RATINGS = 5
# Upper ends of the lengths of history that are measured apart.
LENGTHS = (20, 50, 100, 200, 500)
CONFIG = NextItemConfig()


def run(path: Path, options: Options, *, config: NextItemConfig = CONFIG, validation: bool = False) -> EvaluationReport:
    """Measure the next-item model, EASE and popularity on the test item, or on the validation item.

    Raises ArchiveError or ProtocolError for data that cannot be split like this.
    """
    watch = Stopwatch(options.on_progress)
    with watch.stage("reading", 0.0):
        name, ratings = read_ratings(path, ties_by_file=True)
        ratings = core(ratings, MIN_RATINGS)
        if not len(ratings):
            raise ProtocolError(f"Nothing is left of the data: nobody has {MIN_RATINGS} ratings of such items.")
        left = places_from_end(ratings)
        target = 1 if validation else 0
        known, hidden = ratings.take(left > target), ratings.take(left == target)
        train = ratings.take(left > 1)
        # Columns of items: positions in the catalogue of the whole data.
        items = np.unique(ratings.items)
        task = ranking_task(_pairs(known), _pairs(hidden), items=items)
    with watch.stage("fitting ours", 0.05):
        model = NextItemModel(config).fit(sequences(train, items))
    lists: dict[str, NDArray[np.int32]] = {}
    with watch.stage("scoring ours", 0.8):
        lists["ours"] = _ours(model, sequences(known, items), options.k)
    with watch.stage("fitting EASE", 0.85):
        past = ranking_task(_pairs(train), _pairs(hidden), items=items).known
        ease = LinearAutoencoder(EASE_ML1M).fit(past)
    with watch.stage("scoring EASE and popularity", 0.9):
        lists["EASE"] = task.ranked(ease.scores, options.k)
        lists["popularity"] = task.ranked(popularity_scorer(past), options.k)
    lengths = np.bincount(np.searchsorted(np.unique(known.users), known.users))
    rows = [_row(model_name, ranked, task.relevant, lengths, options) for model_name, ranked in lists.items()]
    facts: dict[str, int | float | str] = {
        "people": task.relevant.shape[0],
        "items": len(items),
        "ratings": len(ratings),
        "ratings trained on": len(train),
        "item to find": "validation" if validation else "test",
        **watch.facts(),
    }
    main = f"ndcg@{options.k}"
    return EvaluationReport(
        NAME, name, main, rows, NEXT_ITEM, facts, asdict(config), curve_over="ratings in the history, at most"
    )


def core(ratings: Ratings, least: int) -> Ratings:
    """The ratings of people and items with ``least`` or more of these ratings each."""
    while len(ratings):
        kept = np.ones(len(ratings), np.bool_)
        for ids in (ratings.users, ratings.items):
            _, place, counts = np.unique(ids, return_inverse=True, return_counts=True)
            kept &= counts[place] >= least
        if kept.all():
            break
        ratings = ratings.take(kept)
    return ratings


def places_from_end(ratings: Ratings) -> NDArray[np.int64]:
    """The number of later ratings of the same person, int64 (n,)."""
    _, begins, counts = np.unique(ratings.users, return_index=True, return_counts=True)
    ends: NDArray[np.int64] = np.repeat(begins + counts, counts)
    return ends - 1 - np.arange(len(ratings))


def sequences(ratings: Ratings, items: NDArray[np.int64]) -> Sequences:
    """Picks over the catalogue ``items``, ascending ids that include all rated ones."""
    begins = np.concatenate([np.unique(ratings.users, return_index=True)[1], [len(ratings)]])
    return Sequences(
        np.searchsorted(items, ratings.items).astype(np.int32), ratings.timestamps, begins.astype(np.int64), len(items)
    )


def _ours(model: NextItemModel, known: Sequences, k: int) -> NDArray[np.int32]:
    """Each person's best unseen items, shape (people, n), n at least k."""
    length = min(max(k, *CURVE_CUTS), known.item_count)
    lists = np.full((len(known.begins) - 1, length), -1, np.int32)
    for row, (begin, end) in enumerate(zip(known.begins[:-1].tolist(), known.begins[1:].tolist(), strict=True)):
        own = known.items[begin:end]
        scores = model.scores(own[::-1], known.timestamps[begin:end][::-1])
        scores[own] = -np.inf
        lists[row] = top_n(scores[None], length)[0][0]
    return lists


def _row(
    model: str, ranked: NDArray[np.int32], relevant: csr_array, lengths: NDArray[np.int64], options: Options
) -> ModelRow:
    """The figures of a ranking with one item to find, and nDCG by length of the history."""
    row, per_person = ranking_row(model, ranked, relevant, k=options.k, seed=options.seed)
    figures = {name: row.figures[f"{name}@{options.k}"] for name in ("ndcg", "hit_rate", "mrr")}
    row.figures = {f"{name}@{options.k}": value for name, value in figures.items()}
    row.curve = {}
    shortest = 0
    for longest in (*LENGTHS, int(lengths.max())):
        there = (lengths > shortest) & (lengths <= longest)
        if there.any():
            row.curve[longest] = float(per_person[there].mean())
            row.figures[f"ndcg@{options.k} history to {longest}"] = row.curve[longest]
        shortest = longest
    return row


def _pairs(ratings: Ratings) -> NDArray[np.int64]:
    return np.stack([ratings.users, ratings.items], axis=1)

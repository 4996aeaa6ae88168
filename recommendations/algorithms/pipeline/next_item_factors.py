"""Fits the next-item model on the feedback of a training, and lays its factors beside the few-shot model's."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recommendations.algorithms.chunks import counts_by_user, rows_where
from recommendations.algorithms.interactions import Interactions
from recommendations.algorithms.listing.query_mixture import MixedSpace, join_item_factors
from recommendations.algorithms.people import draw_people
from recommendations.algorithms.rankers.few_shot import CLEAR_LIKE
from recommendations.algorithms.rankers.next_item import NextItemConfig, NextItemModel, Sequences


@dataclass(frozen=True, slots=True)
class NextItemFactors:
    """What serving needs of a next-item model, over a catalogue of M movies.

    query_factors: float32 (M, e), zeros for movies that the model does not know; item_factors: float32 (M, d + e + 1),
    the few-shot item factors, the next-item factors and the bias; space: what makes a query over these.
    """

    query_factors: NDArray[np.float32]
    item_factors: NDArray[np.float32]
    space: MixedSpace


def next_item_factors(
    interactions: Interactions,
    items: NDArray[np.int64],
    movie_ids: NDArray[np.int64],
    few_shot: NDArray[np.float32],
    *,
    config: NextItemConfig,
    seed: int,
) -> NextItemFactors | None:
    """Fit positive feedback in the order of time, with clear likes as targets; None if there is no sequence.

    items: positions of the items that the model may learn; movie_ids: the catalogue, ascending, (M,); few_shot: its
    few-shot item factors, (M, d). Feedback of the same second gets a random order.

    Memory: that of the fit, and about 60 bytes for each of ``config.max_picks``.
    """
    chosen = _picks(interactions, items, config.max_picks, seed)
    draw = np.random.default_rng(seed).random(len(chosen))
    chosen = chosen[np.lexsort((draw, interactions.timestamps[chosen], interactions.users[chosen]))]
    users, weights = interactions.users[chosen], interactions.weights[chosen]
    if not (users[1:] == users[:-1]).any():
        return None
    begins = np.concatenate([np.unique(users, return_index=True)[1], [len(users)]]).astype(np.int64)
    clear = weights >= CLEAR_LIKE
    picks = Sequences(
        np.searchsorted(items, interactions.items[chosen]).astype(np.int32),
        interactions.timestamps[chosen],
        begins,
        len(items),
        # Data without a clear like aims at all positive feedback.
        clear if clear.any() else None,
    )
    model = NextItemModel(config).fit(picks)
    if model.tables is None:
        return None
    picked = np.bincount(picks.items, minlength=len(items)) > 0
    ids = interactions.item_ids[items[picked]]
    known = np.isin(movie_ids, ids)
    rows = np.flatnonzero(picked)[np.searchsorted(ids, movie_ids[known])]
    query_factors = np.zeros((len(movie_ids), config.dimensions), np.float32)
    own, bias = np.zeros_like(query_factors), np.zeros(len(movie_ids), np.float32)
    query_factors[known], own[known], bias[known] = (
        model.query_factors[rows],
        model.item_factors[rows],
        model.bias[rows],
    )
    joined = join_item_factors(few_shot, own, bias, known)
    return NextItemFactors(query_factors, joined, MixedSpace.measure(model.tables, joined, few_shot.shape[1]))


def _picks(interactions: Interactions, items: NDArray[np.int64], most: int, seed: int) -> NDArray[np.int64]:
    """Rows of positive feedback on the items; of random people, at most ``most``, if there are more."""
    learned = np.zeros(len(interactions.item_ids), np.bool_)
    learned[items] = True
    drawn = draw_people(counts_by_user(interactions, liked=True), most, [seed, 1])

    def picked(part: slice) -> NDArray[np.bool_]:
        kept: NDArray[np.bool_] = (interactions.weights[part] > 0) & learned[interactions.items[part]]
        kept &= drawn[interactions.users[part]]
        return kept

    return rows_where(len(interactions), picked)

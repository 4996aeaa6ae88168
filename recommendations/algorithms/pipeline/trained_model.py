"""The result of a training: the arrays to publish, and what makes lists, ratings and files of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recommendations.algorithms.content.cold_start import FoldIn
from recommendations.algorithms.content.lsa import ContentEncoder
from recommendations.algorithms.interactions import Interactions
from recommendations.algorithms.listing.serving_parameters import ServingParameters
from recommendations.algorithms.pipeline.list_folding import ListFolder
from recommendations.algorithms.pipeline.next_item_factors import NextItemFactors
from recommendations.algorithms.rankers.ensemble import RankingEnsemble
from recommendations.algorithms.ratings.base import RatingModel

ENCODER_FILE = "encoder.npz"
FOLD_IN_FILE = "fold_in.npz"
NEXT_ITEM_FILE = "next_item.npz"
LIST_FOLDER_FILE = "lists.npz"

# Positions of people and of their items, and scores, in blocks: as of ``RankingEnsemble.recommend``.
ListBlocks = Iterator[tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.float32]]]
# Makes the lists of n of the candidates (a mask of the items) of all people.
ListsOfAll = Callable[[RankingEnsemble, Interactions, int, NDArray[np.bool_]], ListBlocks]


@dataclass(slots=True)
class TrainedModel:
    """The result of a training. Rows of the catalogue's arrays follow ``movie_ids`` (ascending, M of them)."""

    interactions: Interactions
    ranker: RankingEnsemble
    encoder: ContentEncoder
    fold_in: FoldIn | None
    movie_ids: NDArray[np.int64]
    # float32: (M, content_dimensions), (M, rank), (M, rank).
    content: NDArray[np.float32]
    query_factors: NDArray[np.float32]
    item_factors: NDArray[np.float32]
    # Shape (M,): whether the factors were learned. The others are predicted from content, or zero without fold_in.
    trained: NDArray[np.bool_]
    metrics: dict[str, Any]
    seconds: dict[str, float]
    ratings: RatingModel | None = None
    # float32, (M, factors + 2), see ``ratings.fold_in``; None when ratings are not predicted.
    rating_factors: NDArray[np.float32] | None = None
    next_item: NextItemFactors | None = None
    # What lists are made with, where validation has chosen it; None: the defaults.
    serving: ServingParameters | None = None
    # Whether ``save`` writes what folds newer feedback into lists.
    foldable: bool = False

    def lists(
        self,
        n: int,
        recommendable: NDArray[np.int64],
        block: int | None = None,
        *,
        people: NDArray[np.int64] | None = None,
        everybody_by: ListsOfAll | None = None,
    ) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float32]]]:
        """Everybody's list, in blocks of people: (user ids, movie ids, scores), the last two of shape (people, n).

        recommendable: ids of the candidate movies; people: user ids, all by default; unknown ones get no list. A list
        with fewer than n candidates is padded with ids of -1. block: see ``RankingEnsemble.recommend``. everybody_by:
        makes the lists of all people instead of this process.
        """
        data = self.interactions
        candidates = np.isin(data.item_ids, recommendable)
        if everybody_by is not None and people is None:
            blocks = everybody_by(self.ranker, data, n, candidates)
        else:
            rows = None if people is None else positions_of(data.user_ids, people)
            rows = None if rows is None else rows[rows >= 0]
            blocks = self.ranker.recommend(data, n, candidates=candidates, users=rows, block=block)
        for users, positions, scores in blocks:
            ids = np.where(positions >= 0, data.item_ids[positions], -1)
            yield data.user_ids[users], ids, scores

    def predicted_ratings(
        self, user_ids: NDArray[np.int64], movie_ids: NDArray[np.int64]
    ) -> NDArray[np.float32] | None:
        """Predicted ratings of each person's list, float32 in the shape of ``movie_ids`` (people, n).

        NaN for movies nobody has rated and for people who have rated nothing; None when ratings are not predicted.
        """
        if self.ratings is None:
            return None
        users = positions_of(self.interactions.user_ids, np.repeat(user_ids, movie_ids.shape[1]))
        items = positions_of(self.interactions.item_ids, movie_ids.ravel())
        predicted = np.full(movie_ids.size, np.nan, np.float32)
        known = self.ratings.known_user(users) & self.ratings.known_item(items)
        predicted[known] = self.ratings.predict(users[known], items[known])
        return predicted.reshape(movie_ids.shape)

    def joined_factors(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Query and item factors, those of the next-item model beside the few-shot ones, (M, d + e), (M, d + e + 1).

        A movie without few-shot item factors has none at all. Without a next-item model only the few-shot factors.
        """
        if self.next_item is None:
            return self.query_factors, self.item_factors
        known = np.any(self.item_factors, axis=1, keepdims=True)
        queries = np.where(known, self.next_item.query_factors, np.float32(0))
        items = np.where(known, self.next_item.item_factors, np.float32(0))
        return np.concatenate([self.query_factors, queries], axis=1), items

    def save(self, folder: Path) -> None:
        """Write what serving needs beside the tables. Raises OSError.

        The encoder and the regression turn a new movie into vectors; the next-item model's space makes queries; the
        list folder brings lists up to date.
        """
        self.encoder.save(folder / ENCODER_FILE)
        if self.fold_in is not None:
            self.fold_in.save(folder / FOLD_IN_FILE)
        if self.next_item is not None:
            self.next_item.space.save(folder / NEXT_ITEM_FILE)
        if self.foldable:
            ListFolder.of(self.ranker, self.interactions).save(folder / LIST_FOLDER_FILE)


def positions_of(ids: NDArray[np.int64], wanted: NDArray[np.int64]) -> NDArray[np.int64]:
    """Positions of ``wanted`` in the ascending ``ids``; -1 for an absent id."""
    places = np.minimum(np.searchsorted(ids, wanted), len(ids) - 1)
    return np.where(ids[places] == wanted, places, -1)

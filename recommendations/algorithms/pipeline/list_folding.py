"""Folds newer feedback into nightly lists: the same item-item model, asked with what a person has done by now.

Of the ensemble only the autoencoder is kept, in half precision, each row cut to its strongest weights. It scores
anybody from their likes alone, so a list is folded without the people of the training.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from recommendations.algorithms.chunks import likes_by_item
from recommendations.algorithms.interactions import Interactions
from recommendations.algorithms.model_files import ModelFileError, load_arrays, save_arrays
from recommendations.algorithms.rankers.ensemble import RankingEnsemble, standardise, z_scores
from recommendations.algorithms.sparse import row_counts
from recommendations.algorithms.top_n import top_n

# Weights kept of each movie: with these, lists are as good as with all (docs/evaluation.md).
KEPT_WEIGHTS = 256
_KIND = "list folder"
# Rows of the dense matrix that are cut at a time.
_BLOCK = 1024

_Lists = tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float32]]


@dataclass(frozen=True, slots=True)
class ListFolder:
    """Scores K items for anybody.

    item_ids: int64 (K,), ascending; weights: the autoencoder's B, float32 (K, K), row = from, column = to; popularity:
    standardised, float32 (K,); popularity_prior, dislike_strength: see ``EnsembleConfig``.
    """

    item_ids: NDArray[np.int64]
    weights: csr_array
    popularity: NDArray[np.float32]
    popularity_prior: float
    dislike_strength: float

    @classmethod
    def of(cls, ranker: RankingEnsemble, interactions: Interactions, kept: int = KEPT_WEIGHTS) -> Self:
        """The folder of an ensemble that was fitted on these interactions; keeps ``kept`` weights of each item.

        Memory beside the ensemble: 8 bytes for each weight that is kept.
        """
        return cls(
            item_ids=interactions.item_ids[ranker.head_items],
            weights=_strongest(ranker.autoencoder.weights, kept),
            popularity=z_scores(likes_by_item(interactions)[ranker.head_items].astype(np.float64)),
            popularity_prior=ranker.config.popularity_prior,
            dislike_strength=ranker.config.dislike_strength,
        )

    def lists(self, interactions: Interactions, n: int, recommendable: NDArray[np.int64]) -> _Lists:
        """The list of each person: (user ids, movie ids, scores), the last two of shape (people, n), best first.

        interactions: all that these people did. recommendable: ids of the candidate movies. A list with fewer than n
        candidates is padded with ids of -1 and scores of -inf. Memory: people x K x 12 bytes.
        """
        likes, dislikes, seen = (
            self._columns(matrix, interactions.item_ids)
            for matrix in (interactions.likes(), interactions.dislikes(), interactions.seen())
        )
        scores = self._scores(likes, dislikes)
        scores[:, ~np.isin(self.item_ids, recommendable)] = -np.inf
        scores[seen.nonzero()] = -np.inf
        positions, values = top_n(scores, n)
        if not len(self.item_ids):
            return interactions.user_ids, np.full((len(scores), 0), -1, np.int64), values
        return interactions.user_ids, np.where(positions >= 0, self.item_ids[positions], -1), values

    def _scores(self, likes: csr_array, dislikes: csr_array) -> NDArray[np.float32]:
        """As ``RankingEnsemble.scores`` with the autoencoder alone, float32 (people, K)."""
        part = np.asarray((likes @ self.weights).toarray(), np.float32)
        deviation = standardise(part, likes).deviation
        part += (self.popularity_prior / row_counts(likes) ** 2).astype(np.float32)[:, None] * self.popularity
        if dislikes.nnz:
            positive = csr_array(self.weights.maximum(0))
            part -= self.dislike_strength * np.asarray((dislikes @ positive).toarray(), np.float32) / deviation
        return part

    def _columns(self, matrix: csr_array, item_ids: NDArray[np.int64]) -> csr_array:
        """The same people over this model's items; what it does not know is left out. csr (people, K)."""
        known = np.isin(item_ids, self.item_ids)
        places = np.searchsorted(self.item_ids, item_ids[known])
        chosen = csr_array(matrix[:, np.flatnonzero(known)])
        shape = (len(chosen.indptr) - 1, self.size)
        return csr_array((chosen.data, places[chosen.indices], chosen.indptr), shape=shape)

    @property
    def size(self) -> int:
        """The number of items, K."""
        return len(self.item_ids)

    def save(self, path: Path) -> None:
        """Write to an .npz file. Raises OSError."""
        arrays: dict[str, NDArray[Any]] = {
            "item_ids": self.item_ids,
            "data": self.weights.data.astype(np.float16),
            "indices": self.weights.indices.astype(np.int32),
            "indptr": self.weights.indptr.astype(np.int64),
            "popularity": self.popularity,
            "settings": np.array([self.popularity_prior, self.dislike_strength]),
        }
        save_arrays(path, _KIND, arrays)

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read what ``save`` wrote. Raises ModelFileError, naming the file."""
        arrays = load_arrays(path, _KIND)
        try:
            size = len(arrays["item_ids"])
            weights = csr_array(
                (arrays["data"].astype(np.float32), arrays["indices"], arrays["indptr"]), shape=(size, size)
            )
            weights.check_format()
            prior, strength = arrays["settings"].tolist()
            popularity = arrays["popularity"].astype(np.float32)
            if popularity.shape != (size,) or not np.isfinite(weights.data).all() or not np.isfinite(popularity).all():
                raise ValueError("its tables do not fit together, or hold something that is not a finite number")
        except (KeyError, ValueError, TypeError) as error:
            raise ModelFileError(f"{path}: this is no model of lists: {error}.") from error
        return cls(arrays["item_ids"].astype(np.int64), weights, popularity, float(prior), float(strength))


def _strongest(weights: NDArray[np.float32], kept: int) -> csr_array:
    """The ``kept`` largest weights of each row by their size, rounded to half precision, float32 csr (K, K)."""
    blocks = list(_strongest_blocks(weights, min(kept, weights.shape[1])))
    indices = np.concatenate([np.zeros(0, np.int32), *(columns.ravel() for columns, _ in blocks)])
    data = np.concatenate([np.zeros(0, np.float32), *(values.ravel() for _, values in blocks)])
    indptr = np.arange(len(weights) + 1, dtype=np.int64) * min(kept, weights.shape[1])
    matrix = csr_array((data, indices, indptr), shape=weights.shape)
    matrix.eliminate_zeros()
    return matrix


def _strongest_blocks(
    weights: NDArray[np.float32], kept: int
) -> Iterator[tuple[NDArray[np.int32], NDArray[np.float32]]]:
    for start in range(0, len(weights), _BLOCK):
        rows = weights[start : start + _BLOCK]
        columns = np.sort(np.argpartition(-np.abs(rows), kept - 1, axis=1)[:, :kept], axis=1)
        values = np.take_along_axis(rows, columns, axis=1)
        yield columns.astype(np.int32), values.astype(np.float16).astype(np.float32)

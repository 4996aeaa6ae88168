"""Linear item-item autoencoders with a closed form.

H. Steck, Embarrassingly Shallow Autoencoders for Sparse Data, WWW 2019 (EASE: the zero diagonal).
H. Steck, Autoencoders that don't overfit towards the Identity, NeurIPS 2020 (DLAE, EDLAE: dropout in expectation).
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal, Self

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import lapack
from scipy.sparse import csr_array, diags_array
from sklearn.utils.extmath import randomized_svd

from recommendations.algorithms.base import Interactions
from recommendations.algorithms.ranking import top_n
from recommendations.algorithms.storage import load_arrays, save_arrays

logger = logging.getLogger(__name__)

_KIND = "linear_autoencoder"


@dataclass(frozen=True, slots=True)
class DenoisingAutoencoderConfig:
    """Hyperparameters of ``DenoisingAutoencoder``; the defaults were chosen on validation data of ML-1M."""

    regularization: float = 400.0
    dropout: float = 0.5
    # Someone with many likes says less with each: their row is scaled by (likes / mean likes) to this power.
    row_power: float = -0.2
    # "free": B = solve(G + L, G); "zero": the same under the constraint that no item predicts itself (EDLAE).
    diagonal: Literal["free", "zero"] = "free"
    dislike_strength: float = 0.2
    # Weight of an item's share of all likes, over (1 + the person's likes): it decides where nothing else does.
    popularity_prior: float = 0.05
    # B is dense, (items)^2 floats: a catalogue above the cap keeps its most liked items.
    max_items: int = 20_000
    random_state: int = 0

    def __post_init__(self) -> None:
        if self.regularization <= 0:
            raise ValueError(f"regularization must be above 0, not {self.regularization}.")
        if not 0 <= self.dropout < 1:
            raise ValueError(f"dropout must be in [0, 1), not {self.dropout}.")
        if self.dislike_strength < 0 or self.popularity_prior < 0:
            raise ValueError("dislike_strength and popularity_prior must be 0 or more.")
        if self.max_items < 1:
            raise ValueError(f"max_items must be 1 or more, not {self.max_items}.")
        if self.diagonal not in ("free", "zero"):
            raise ValueError(f"diagonal must be 'free' or 'zero', not {self.diagonal!r}.")


class DenoisingAutoencoder:
    """Scores of a person = (their likes, weighted) times B, where B solves a ridge regression of X on noisy X.

    weights: B, float32, shape (I, I), zero for items outside ``kept``; its diagonal is set to zero after fitting,
    because an item never recommends itself.
    """

    def __init__(self, config: DenoisingAutoencoderConfig | None = None) -> None:
        self.config = config or DenoisingAutoencoderConfig()
        self.item_count = 0
        # Positions of the items B knows, ascending, shape (K,); weights is (K, K) over them.
        self.kept: NDArray[np.int64] = np.zeros(0, np.int64)
        self.weights: NDArray[np.float32] = np.zeros((0, 0), np.float32)
        self.popularity: NDArray[np.float32] = np.zeros(0, np.float32)

    def fit(self, interactions: Interactions) -> Self:
        """Learn B from the positive weights. Needs (items kept)^2 x 8 bytes at its peak."""
        likes = interactions.likes()
        self.item_count = likes.shape[1]
        liked_by = likes.count_nonzero(axis=0)
        self.kept = self._keep(liked_by)
        most = liked_by.max(initial=0)
        self.popularity = (liked_by[self.kept] / max(most, 1)).astype(np.float32)
        X = self._scale_rows(likes)[:, self.kept]
        gram = np.asarray((X.T @ X).toarray(), np.float32)
        self.weights = self._solve(gram)
        return self

    def _keep(self, liked_by: NDArray[np.integer]) -> NDArray[np.int64]:
        liked = np.flatnonzero(liked_by)
        if len(liked) <= self.config.max_items:
            return liked
        logger.warning(
            "The catalogue has %d liked items; the item-item model keeps the %d most liked.",
            len(liked),
            self.config.max_items,
        )
        order = np.lexsort((liked, -liked_by[liked]))
        return np.sort(liked[order[: self.config.max_items]])

    def _scale_rows(self, likes: csr_array) -> csr_array:
        counts = likes.count_nonzero(axis=1).astype(np.float32)
        # Relative to the mean, so that regularization means the same whatever the power and the data.
        relative = np.maximum(counts, 1) / max(counts[counts > 0].mean() if counts.any() else 1.0, 1.0)
        return diags_array(relative**self.config.row_power, dtype=np.float32).tocsr() @ likes

    def _solve(self, gram: NDArray[np.float32]) -> NDArray[np.float32]:
        """B from G = X'X, both (K, K); ``gram`` is overwritten.

        With L = lambda I + p/(1-p) diag(G) and P = inverse(G + L): free diagonal, B = P G = I - P L; zero diagonal,
        B = I - P / diag(P). Either needs one Cholesky inverse. Off the diagonal B is then -P times a column scale.
        """
        if not len(gram):
            return gram
        p = self.config.dropout
        penalty = self.config.regularization + p / (1 - p) * gram.diagonal()
        gram[np.diag_indices_from(gram)] += penalty
        # gram is symmetric, so its transpose is the Fortran order that LAPACK overwrites in place.
        factor, failed = lapack.spotrf(gram.T, lower=True, overwrite_a=True, clean=False)
        if not failed:
            inverse, failed = lapack.spotri(factor, lower=True, overwrite_c=True)
        if failed:
            raise np.linalg.LinAlgError("The item-item matrix is not positive definite; raise regularization.")
        P = inverse.T
        _mirror_upper(P)
        scale = penalty if self.config.diagonal == "free" else 1 / P.diagonal()
        np.multiply(P, -scale.astype(np.float32), out=P)
        np.fill_diagonal(P, 0)
        return P

    def scores(self, likes: csr_array, dislikes: csr_array | None = None) -> NDArray[np.float32]:
        """float32 of shape (people, I) from weights of liked and disliked items, both (people, I).

        A disliked item subtracts where B says it attracts and adds nowhere, so a dislike never raises a score.
        Items the model does not know score -inf.
        """
        X = likes[:, self.kept]
        known = np.asarray(X @ self.weights)
        if dislikes is not None and dislikes.nnz and self.config.dislike_strength:
            D = dislikes[:, self.kept]
            touched = np.unique(D.indices)
            attracts = np.maximum(self.weights[touched], 0)
            known -= self.config.dislike_strength * np.asarray(D[:, touched] @ attracts)
        evidence = 1 + X.count_nonzero(axis=1).astype(np.float32)
        known += (self.config.popularity_prior / evidence)[:, None] * self.popularity
        full = np.full((likes.shape[0], self.item_count), -np.inf, np.float32)
        full[:, self.kept] = known
        return full

    def recommend(
        self,
        interactions: Interactions,
        n: int,
        *,
        candidates: NDArray[np.bool_] | None = None,
        users: NDArray[np.int64] | None = None,
        block: int = 1024,
    ) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.float32]]]:
        """Lists of ``n`` for people, in blocks: (user positions, item positions, scores).

        interactions: over the same items the model was fitted on; what it marks as excluded is left out.
        candidates: which items may be recommended, shape (I,); users: whose lists, all by default.
        A list that runs out of items ends in positions of -1. Memory: ``block`` x I x 12 bytes.
        """
        everyone = np.arange(len(interactions.user_ids)) if users is None else users
        likes, dislikes, seen = interactions.likes(), interactions.dislikes(), interactions.seen()
        for start in range(0, len(everyone), block):
            rows = everyone[start : start + block]
            scores = self.scores(likes[rows], dislikes[rows])
            if candidates is not None:
                scores[:, ~candidates] = -np.inf
            scores[seen[rows].nonzero()] = -np.inf
            positions, values = top_n(scores, n)
            yield rows, positions, values

    def factorise(self, rank: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Query factors A and item factors V, float32, shape (I, rank), with B ~ A V' (truncated SVD, split evenly).

        Rows of items the model does not know are zero, and so are the columns past the rank that B has.
        """
        A = np.zeros((self.item_count, rank), np.float32)
        V = np.zeros((self.item_count, rank), np.float32)
        size = len(self.kept)
        if not size:
            return A, V
        if size <= max(2 * rank, 512):
            U, S, Vt = np.linalg.svd(self.weights.astype(np.float64))
            U, S, Vt = U[:, :rank], S[:rank], Vt[:rank]
        else:
            U, S, Vt = randomized_svd(
                self.weights, rank, n_iter=6, random_state=self.config.random_state, flip_sign=True
            )
        root = np.sqrt(S)
        A[self.kept, : len(S)] = U * root
        V[self.kept, : len(S)] = Vt.T * root
        return A, V

    def save(self, path: Path) -> None:
        """Write the model as .npz, without pickle."""
        config = {name: np.array(value) for name, value in asdict(self.config).items()}
        arrays = {"item_count": np.array(self.item_count), "kept": self.kept, "popularity": self.popularity}
        save_arrays(path, _KIND, {**arrays, "weights": self.weights, **config})

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read a saved model. Raises ModelFileError."""
        arrays = load_arrays(path, _KIND)
        names = DenoisingAutoencoderConfig.__dataclass_fields__
        model = cls(DenoisingAutoencoderConfig(**{name: arrays[name].item() for name in names}))
        model.item_count = int(arrays["item_count"])
        model.kept, model.weights, model.popularity = arrays["kept"], arrays["weights"], arrays["popularity"]
        return model


def _mirror_upper(matrix: NDArray[np.float32], tile: int = 1024) -> None:
    """Copy the upper triangle onto the lower one in place, tile by tile so that no second matrix is needed."""
    size = len(matrix)
    for start in range(0, size, tile):
        stop = min(start + tile, size)
        corner = np.triu(matrix[start:stop, start:stop])
        matrix[start:stop, start:stop] = corner + np.triu(corner, 1).T
        matrix[stop:, start:stop] = matrix[start:stop, stop:].T

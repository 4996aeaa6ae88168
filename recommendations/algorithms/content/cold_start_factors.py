"""Target factors for cold-start movies, in dimensions of their own.

The speed layer's factors are fitted for people with few interactions and describe how a movie differs from what is
popular. Content predicts that less well than what the ranker's autoencoder describes: who likes a movie, and how many
do. So this module also factorises the autoencoder. Its query factors fill the dimensions that the speed layer leaves
free, for every movie. Its item factors fill them for unrated movies only: an unrated movie is zero in the speed layer's
dimensions, and a rated movie is zero in these. A person's query vector then lives in both spaces at once, and one inner
product scores a rated movie by the first model and an unrated movie by the second.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recommendations.algorithms.rankers.linear_autoencoder import LinearAutoencoder

# Added to an item's likes, so that an item with none does not get a weight of zero.
_SMOOTHING = 5.0
Factors = tuple[NDArray[np.float32], NDArray[np.float32]]


@dataclass(frozen=True, slots=True)
class ColdStartFactorsConfig:
    """Hyperparameters, chosen on movies of ML-1M held out under other seeds than the published one."""

    # Popular items occur in many queries: an item's row weighs (likes) to this power in the factorisation.
    row_exponent: float = 0.5
    # Predicted factors are smaller than learned ones. At this size, relative to the speed layer's model, people liked
    # the unrated movies in their lists as often as the others there.
    size: float = 2.0

    def __post_init__(self) -> None:
        if self.size <= 0:
            raise ValueError(f"size must be above 0, not {self.size}.")


def cold_start_factors(
    factors: Factors,
    autoencoder: LinearAutoencoder,
    likes: NDArray[np.floating],
    config: ColdStartFactorsConfig,
    random_state: int = 0,
    *,
    head: NDArray[np.int64] | None = None,
    reserved: int = 0,
) -> Factors | None:
    """Compute query factors for every item, and the item factors it would have if it were unrated, each (I, width).

    factors: the speed layer's query and item factors, (I, width), zero past their rank; autoencoder: fitted on the
    items at the positions ``head``, ascending, all I by default; likes: number of likes of each item, (I,); reserved:
    the first dimensions that are never free, used or not. The query factors are the speed layer's, with the free
    dimensions filled; those stay zero outside the head. Returns None if no dimension is free, or if there is nothing to
    fill them with.

    Memory: a matrix of the size of the autoencoder's.
    """
    A, V = factors
    rank = int(np.flatnonzero(A.any(axis=0) | V.any(axis=0)).max(initial=-1)) + 1
    rank = max(rank, reserved)
    free = A.shape[1] - rank
    if free < 1:
        return None
    head = np.arange(len(A)) if head is None else head
    known = likes[head] + _SMOOTHING
    weight = (known / known.mean()) ** config.row_exponent
    weighted = LinearAutoencoder(autoencoder.config)
    weighted.weights = autoencoder.weights * weight[:, None].astype(np.float32)
    query, item = weighted.factorise(free, random_state)
    query /= weight[:, None].astype(np.float32)
    # Scales the predicted model's matrix to the size of the speed layer's.
    own = float(np.sum((query.T @ query) * (item.T @ item)))
    common = float(np.sum((A[head, :rank].T @ query) * (V[head, :rank].T @ item)))
    if own <= 0 or common <= 0:
        return None
    A, V = A.copy(), np.zeros_like(V)
    A[head, rank:], V[head, rank:] = query, item * np.float32(config.size * common / own)
    return A, V

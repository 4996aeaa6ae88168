"""Where movies that nobody has rated stand among the factors: in dimensions of their own, beside those of the others.

The speed layer's factors are made for people of whom little is known, and say of a movie how it differs from what is
popular; what is written about a movie foretells less of that than of what the ranker's autoencoder knows: who likes
it, and how many. So that model is factorised as well. Its query factors fill the dimensions that the speed layer's
leave free, in every movie's query factors; its item factors stand there in unrated movies alone, whose other
dimensions are zero, as theirs are in these. A person's query is then a point of both spaces at once: one inner product
scores a rated movie by the one model and an unrated movie by the other.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recommendations.algorithms.rankers.linear_autoencoder import LinearAutoencoder

# Added to an item's likes, so that the weight of a rare one is not zero.
_SMOOTHING = 5.0
Factors = tuple[NDArray[np.float32], NDArray[np.float32]]


@dataclass(frozen=True, slots=True)
class ColdStartFactorsConfig:
    """Hyperparameters, chosen on movies of ML-1M held out under other seeds than the published one."""

    # What is liked by many is asked with often: its row counts (likes) to this power in the factorisation.
    row_exponent: float = 0.5
    # Predicted factors are smaller than learned ones would be. At this size of them, relative to the speed layer's
    # model, unrated movies in people's lists were liked as often as the others there.
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
    reserved: int = 0,
) -> Factors | None:
    """Query factors for every item and the item factors it would have if it were unrated, each (I, width).

    factors: the speed layer's query and item factors, (I, width), zero past their rank; autoencoder: fitted on the same
    I items; likes: how many each has, (I,); reserved: so many dimensions are not free, used or not. The query factors
    are the speed layer's with the free dimensions filled. None where there is no free dimension, or nothing to put
    there.
    """
    A, V = factors
    rank = int(np.flatnonzero(A.any(axis=0) | V.any(axis=0)).max(initial=-1)) + 1
    rank = max(rank, reserved)
    free = A.shape[1] - rank
    if free < 1:
        return None
    weight = ((likes + _SMOOTHING) / (likes + _SMOOTHING).mean()) ** config.row_exponent
    weighted = LinearAutoencoder(autoencoder.config)
    weighted.weights = autoencoder.weights * weight[:, None].astype(np.float32)
    query, item = weighted.factorise(free, random_state)
    query /= weight[:, None].astype(np.float32)
    # Both models' matrices are as large as one another when the one that is predicted is multiplied by this.
    own = float(np.sum((query.T @ query) * (item.T @ item)))
    common = float(np.sum((A[:, :rank].T @ query) * (V[:, :rank].T @ item)))
    if own <= 0 or common <= 0:
        return None
    A, V = A.copy(), np.zeros_like(V)
    A[:, rank:], V[:, rank:] = query, item * np.float32(config.size * common / own)
    return A, V

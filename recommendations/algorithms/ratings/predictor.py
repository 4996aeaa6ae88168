"""Rating prediction: "we think you would give it 4.2".

The prediction is a weighted mean of two Bayesian factorisations (``bayesian_mf``), one with a Gaussian and one with an
ordinal response, and of Surprise's SVD (``surprise_svd``). If the data is too large for the chains, the nightly
training uses ``folded`` instead.

5-fold RMSE: ML-100k .876, ML-1M .825 (the best published rows: .919 and .862). The hyperparameters and the weight of
SVD were chosen on a tenth of the training part of fold 0, used as a validation part; no test part was read for it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from recommendations.algorithms.ratings.base import Floats, OnShare, Positions, RatingModel, Ratings
from recommendations.algorithms.ratings.bayesian_mf import ChainConfig, Posterior, Response, sample_posteriors
from recommendations.algorithms.ratings.surprise_svd import SurpriseSvd, SurpriseSvdConfig

# With more distinct ratings than this, the scale is continuous, not ordinal.
_MAX_LEVELS = 20
_CHAIN_ARRAYS = ("users", "items", "parameters", "levels")


@dataclass(frozen=True, slots=True)
class RatingPredictorConfig:
    """Hyperparameters of ``RatingPredictor``."""

    chain: ChainConfig = field(default_factory=ChainConfig)
    # One chain for each; a continuous scale leaves out the ordinal one.
    responses: tuple[Response, ...] = ("gaussian", "ordinal")
    svd: SurpriseSvdConfig = field(default_factory=lambda: SurpriseSvdConfig(epochs=60, regularization=0.06))
    # Share of SVD in the mean, below 1; the chains share the rest equally. 0 leaves SVD out.
    svd_weight: float = 0.05
    # With more ratings or people, the chains would take too long and their samples too much memory: ``RatingFits``
    # then predicts by ``FoldedRatings``.
    max_ratings: int = 5_000_000
    max_people: int = 100_000
    random_state: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.svd_weight < 1:
            raise ValueError("svd_weight must be in [0, 1).")
        if not self.responses or not set(self.responses) <= {"gaussian", "ordinal"}:
            raise ValueError("responses must name at least one of gaussian and ordinal.")

    @classmethod
    def nightly(cls, **changes: Any) -> RatingPredictorConfig:
        """Fewer sweeps and epochs: less than half of the time for .003 of RMSE."""
        quick = SurpriseSvdConfig(factors=50, learning_rate=0.01, regularization=0.06)
        return cls(chain=ChainConfig(sweeps=54, burn_in=18), svd=quick, **changes)


class RatingPredictor(RatingModel):
    """The shipped predictor of ratings; see the module's docstring.

    >>> model = RatingPredictor().fit(interactions)
    >>> model.predict([3], [49])
    array([4.2], dtype=float32)
    """

    KIND = "rating_predictor"

    def __init__(self, config: RatingPredictorConfig | None = None) -> None:
        super().__init__()
        self.config = config or RatingPredictorConfig()
        self._chains: list[Posterior] = []
        self._svd: SurpriseSvd | None = None

    def _learn(self, ratings: Ratings, on_share: OnShare) -> None:
        config = self.config
        self._chains, self._svd = [], None
        ordinal = 1 < len(np.unique(ratings.values)) <= _MAX_LEVELS
        responses: tuple[Response, ...] = config.responses if ordinal else ("gaussian",)
        # Thousands of tiny products: more threads would be slower, and their number would change the last digits.
        with threadpool_limits(limits=1):
            self._chains = sample_posteriors(ratings, config.chain, responses, config.random_state, on_share)
        if config.svd_weight:
            self._svd = SurpriseSvd(replace(config.svd, random_state=config.random_state)).fit_ratings(ratings)

    def _score(self, users: Positions, items: Positions) -> Floats:
        """The weighted mean of the parts, each clipped to the scale first."""
        parts = [np.clip(chain.predict(users, items), *self.scale) for chain in self._chains]
        if self._svd is None:
            return _mean(parts)
        by_svd = self._svd.predict(users, items)
        weight = np.float32(self.config.svd_weight)
        blend: Floats = (1 - weight) * _mean(parts) + weight * by_svd
        return blend

    def _state(self) -> dict[str, NDArray]:
        arrays: dict[str, NDArray] = {"chains": np.array(len(self._chains))}
        for number, chain in enumerate(self._chains):
            arrays |= {f"chain{number}_{name}": getattr(chain, name) for name in _CHAIN_ARRAYS}
        if self._svd is not None:
            arrays |= {"svd_people": self._svd.vectors[0], "svd_movies": self._svd.vectors[1]}
        return arrays

    def _restore(self, arrays: Mapping[str, NDArray]) -> None:
        self._chains = [
            Posterior(*(arrays[f"chain{number}_{name}"] for name in _CHAIN_ARRAYS))
            for number in range(int(arrays["chains"]))
        ]
        if "svd_people" in arrays:
            self._svd = SurpriseSvd.from_vectors(self.config.svd, self, (arrays["svd_people"], arrays["svd_movies"]))

    @classmethod
    def _settings(cls, stored: dict[str, Any]) -> dict[str, Any]:
        parts = {
            "chain": ChainConfig(**stored["chain"]),
            "responses": tuple(stored["responses"]),
            "svd": SurpriseSvdConfig(**stored["svd"]),
        }
        return {"config": RatingPredictorConfig(**{**stored, **parts})}


def _mean(parts: list[Floats]) -> Floats:
    mean: Floats = np.mean(parts, axis=0)
    return mean

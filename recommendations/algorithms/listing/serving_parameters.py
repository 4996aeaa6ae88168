"""What a model version is served with: chosen by validation when it is trained, and published with it."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from recommendations.algorithms.listing.blending import BlendConfig
from recommendations.algorithms.listing.query_mixture import MixtureConfig
from recommendations.algorithms.listing.session_query import RealtimeConfig


@dataclass(frozen=True, slots=True)
class ServingParameters:
    """The hyperparameters of serving; the defaults are what a version without any is served with."""

    blend: BlendConfig = field(default_factory=BlendConfig)
    realtime: RealtimeConfig = field(default_factory=RealtimeConfig)
    mixture: MixtureConfig = field(default_factory=MixtureConfig)
    # Of popular movies: the power of their average rating beside the number of their ratings.
    popularity_rating_exponent: float = 2.0

    def __post_init__(self) -> None:
        if not 0 <= self.popularity_rating_exponent <= 20:
            raise ValueError(f"popularity_rating_exponent must be from 0 to 20, not {self.popularity_rating_exponent}.")

    def as_dict(self) -> dict[str, Any]:
        """The parameters, ready for JSON; ``configs.config_from_json`` reads them."""
        return asdict(self)

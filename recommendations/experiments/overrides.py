"""What an arm changes of serving, read from its JSON into a frozen value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace

from recommendations.algorithms.configs import ConfigError, config_from_json
from recommendations.algorithms.listing.blending import BlendConfig
from recommendations.algorithms.listing.reranking import RerankConfig
from recommendations.algorithms.listing.scoring import RankingConfig
from recommendations.retrieval.config import MAX_EXPLORATION_PLACES, MAX_WEIGHT, merge_blend

MAX_GROUP_CAP = 100


@dataclass(frozen=True, slots=True)
class BlendOverrides:
    """Values of BlendConfig's fields; None keeps that of the version or of the settings."""

    batch: float | None = None
    realtime: float | None = None
    newer_decay: float | None = None
    batch_floor: float | None = None
    popularity_prior: float | None = None

    def __post_init__(self) -> None:
        chosen = self.chosen()
        if any(value > MAX_WEIGHT for value in chosen.values()):
            raise ValueError(f"no value may be above {MAX_WEIGHT}.")
        if chosen.get("batch") == chosen.get("realtime") == 0:
            raise ValueError("batch and realtime must not both be 0.")
        merge_blend(BlendConfig(), chosen)

    def chosen(self) -> Mapping[str, float]:
        """The values that are set."""
        return {name: value for name, value in asdict(self).items() if value is not None}


@dataclass(frozen=True, slots=True)
class Overrides:
    """What differs from normal serving; None keeps it.

    model_version: the version that ranks instead of the live one. holdout: a list without personalisation, popular and
    by filter; nothing else goes with it.
    """

    blend: BlendOverrides = field(default_factory=BlendOverrides)
    diversity: float | None = None
    group_cap: int | None = None
    exploration_places: int | None = None
    model_version: int | None = None
    holdout: bool = False

    def __post_init__(self) -> None:
        if self.diversity is not None and not 0 <= self.diversity <= 1:
            raise ValueError(f"diversity must be from 0 to 1, not {self.diversity}.")
        if self.group_cap is not None and not 0 <= self.group_cap <= MAX_GROUP_CAP:
            raise ValueError(f"group_cap must be from 0 to {MAX_GROUP_CAP}, not {self.group_cap}.")
        if self.exploration_places is not None and not 0 <= self.exploration_places <= MAX_EXPLORATION_PLACES:
            raise ValueError(
                f"exploration_places must be from 0 to {MAX_EXPLORATION_PLACES}, not {self.exploration_places}."
            )
        if self.model_version is not None and not 1 <= self.model_version < 2**63:
            raise ValueError("model_version must be the number of a version.")
        if self.holdout and replace(self, holdout=False) != Overrides():
            raise ValueError("holdout goes with nothing else.")

    def ranking(self, config: RankingConfig) -> RankingConfig:
        """How candidates are scored: that of the version and the settings, with the chosen weights."""
        chosen = self.blend.chosen()
        return replace(config, blend=merge_blend(config.blend, chosen)) if chosen else config

    def reranking(self, config: RerankConfig) -> RerankConfig:
        """How the top of the list is re-ranked: that of the settings, with the chosen values."""
        if self.diversity is None and self.group_cap is None:
            return config
        return replace(
            config,
            diversity=config.diversity if self.diversity is None else self.diversity,
            group_cap=config.group_cap if self.group_cap is None else self.group_cap,
        )

    def places(self, configured: int) -> int:
        """The number of places for new movies."""
        return configured if self.exploration_places is None else self.exploration_places


def overrides_read(value: object) -> Overrides:
    """Read an arm's JSON. Raises ConfigError, which names the place, for anything unknown or out of range."""
    return config_from_json(Overrides, value, "overrides")


__all__ = ["BlendOverrides", "ConfigError", "Overrides", "overrides_read"]

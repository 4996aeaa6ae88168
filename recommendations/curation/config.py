"""The configuration of a scenario, read from its JSON into frozen values."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace

from recommendations.algorithms.configs import ConfigError, config_from_json
from recommendations.algorithms.listing.blending import LIST_SIZE
from recommendations.experiments.overrides import BlendOverrides, Overrides
from recommendations.retrieval.filters import MAX_REPEAT_AFTER, ListFilters

HOME = "home"
# Values of ``experiment`` that are no experiment's name.
ANY_EXPERIMENT, NO_EXPERIMENT = "any", "none"
ROW_KINDS = (*("for_you", "continue_watching", "because_you_liked", "new_for_you", "trending", "genre", "curated"),)
MAX_ROWS = 20
MAX_ROW_PLACES = 40


@dataclass(frozen=True, slots=True)
class ScenarioFilters:
    """Filters that apply to every list of the scenario, beside those of the request."""

    genres: tuple[str, ...] = ()
    year_from: int | None = None
    year_to: int | None = None
    language: str = ""
    max_runtime: int | None = None
    repeat_after: int | None = None
    exclude_watchlist: bool = False

    def __post_init__(self) -> None:
        if self.repeat_after is not None and not 0 <= self.repeat_after <= MAX_REPEAT_AFTER:
            raise ValueError(f"repeat_after must be from 0 to {MAX_REPEAT_AFTER} hours.")
        if self.max_runtime is not None and not 1 <= self.max_runtime <= 10_000:
            raise ValueError("max_runtime must be from 1 to 10000 minutes.")
        for name in ("year_from", "year_to"):
            value = getattr(self, name)
            if value is not None and not 1870 <= value <= 2200:
                raise ValueError(f"{name} must be from 1870 to 2200.")

    def under(self, asked: ListFilters) -> ListFilters:
        """The request's filters with these where it has none; of two bounds the narrower one counts."""
        if self == ScenarioFilters():
            return asked
        lows = [year for year in (self.year_from, asked.year_from) if year is not None]
        highs = [year for year in (self.year_to, asked.year_to) if year is not None]
        runtimes = [minutes for minutes in (self.max_runtime, asked.max_runtime) if minutes is not None]
        return replace(
            asked,
            genres=asked.genres or self.genres,
            year_from=max(lows, default=None),
            year_to=min(highs, default=None),
            language=asked.language or self.language,
            max_runtime=min(runtimes, default=None),
            repeat_after=self.repeat_after if asked.repeat_after is None else asked.repeat_after,
            exclude_watchlist=asked.exclude_watchlist or self.exclude_watchlist,
        )


@dataclass(frozen=True, slots=True)
class RowConfig:
    """One kind of row of the home page.

    places: the movies it shows at most. count: how many rows of the kind, for because_you_liked and genre. genre: the
    slug of a genre row; without one, the genres that the person's list is made of. row: the name of a curated row.
    title: replaces the row's own; ``{}`` in it stands for the movie or genre.
    """

    kind: str
    places: int = 20
    count: int = 1
    genre: str = ""
    row: str = ""
    title: str = ""

    def __post_init__(self) -> None:
        if self.kind not in ROW_KINDS:
            raise ValueError(f"kind must be one of {', '.join(ROW_KINDS)}, not {self.kind!r}.")
        if not 1 <= self.places <= MAX_ROW_PLACES:
            raise ValueError(f"places must be from 1 to {MAX_ROW_PLACES}, not {self.places}.")
        if not 1 <= self.count <= 5:
            raise ValueError(f"count must be from 1 to 5, not {self.count}.")
        if (self.kind == "curated") != bool(self.row):
            raise ValueError("A curated row names its row, and no other kind does.")
        if self.genre and self.kind != "genre":
            raise ValueError("Only a genre row names a genre.")
        if len(self.title) > 100:
            raise ValueError("title has at most 100 letters.")


DEFAULT_ROWS = (
    RowConfig("for_you"),
    RowConfig("continue_watching"),
    RowConfig("because_you_liked", count=2),
    RowConfig("new_for_you"),
    RowConfig("trending"),
    RowConfig("genre", count=2),
)


@dataclass(frozen=True, slots=True)
class ScenarioConfig:
    """How the lists of a scenario are made; what is None is as the settings and the live version say.

    blend: the weights of the sources. places: how many movies a request without ``limit`` gets. experiment: "any", the
    running experiment that the person is in; "none"; or the name of the only one whose arms count. rows: of the page
    of rows, in this order; empty for the usual ones.
    """

    blend: BlendOverrides = field(default_factory=BlendOverrides)
    filters: ScenarioFilters = field(default_factory=ScenarioFilters)
    places: int | None = None
    diversity: float | None = None
    group_cap: int | None = None
    exploration_places: int | None = None
    experiment: str = ANY_EXPERIMENT
    rows: tuple[RowConfig, ...] = ()

    def __post_init__(self) -> None:
        if self.places is not None and not 1 <= self.places <= LIST_SIZE:
            raise ValueError(f"places must be from 1 to {LIST_SIZE}, not {self.places}.")
        if len(self.rows) > MAX_ROWS:
            raise ValueError(f"There are at most {MAX_ROWS} rows.")
        # Checks their ranges.
        _ = self.overrides

    @property
    def overrides(self) -> Overrides:
        """What it changes of serving, in the terms of an experiment's arm."""
        return Overrides(self.blend, self.diversity, self.group_cap, self.exploration_places)


def scenario_config_read(value: object) -> ScenarioConfig:
    """Reads a version's JSON. Raises ConfigError, which names the place, for anything unknown or out of range."""
    return config_from_json(ScenarioConfig, value, "config")


def overrides_over(base: Overrides, arm: Overrides) -> Overrides:
    """The scenario's overrides under an arm's, which win. A holdout stays one."""
    if base == Overrides() or arm.holdout:
        return arm
    try:
        blend = BlendOverrides(**{**base.blend.chosen(), **arm.blend.chosen()})
    except ValueError:  # Together they would leave nothing to rank by.
        blend = arm.blend
    values = {name: value for name, value in asdict(arm).items() if name != "blend" and value is not None}
    return replace(base, **values, blend=blend)


__all__ = ["DEFAULT_ROWS", "HOME", "ConfigError", "RowConfig", "ScenarioConfig", "scenario_config_read"]

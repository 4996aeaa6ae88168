"""Two model versions side by side: their measurements, data, costs and hyperparameters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import Exists, OuterRef

from recommendations.experiments.selectors import TRAINED
from recommendations.models import ModelVersion, MovieEmbedding
from recommendations.training.gate import MEASURE

# Metrics that are better when they are smaller.
_SMALLER_IS_BETTER = ("rmse", "mae", "crps", "loss", "error")


@dataclass(frozen=True, slots=True)
class ComparedValue:
    """A value of two versions; None where one has none. better: "first", "second", or "" if neither is known to be."""

    name: str
    first: Any
    second: Any
    difference: float | None
    better: str

    @property
    def differs(self) -> bool:
        """Whether the versions differ in it."""
        return bool(self.first != self.second)


@dataclass(frozen=True, slots=True)
class VersionPoint:
    """One version's quality: nDCG@10 of its ranking and of popularity, on its own held-out split."""

    version_id: int
    status: str
    value: float
    popularity: float | None


def version_point(version: ModelVersion) -> VersionPoint | None:
    """The quality of a version; None if it was not evaluated."""
    value = _number(version.metrics.get(MEASURE))
    popularity = version.metrics.get("popularity")
    beside = _number(popularity.get(MEASURE)) if isinstance(popularity, Mapping) else None
    return None if value is None else VersionPoint(version.pk, version.status, value, beside)


def metrics_compare(first: ModelVersion, second: ModelVersion) -> list[ComparedValue]:
    """Each measurement of either version, by its path in the metrics."""
    return _compare(flat(first.metrics), flat(second.metrics), judged=True)


def facts_compare(first: ModelVersion, second: ModelVersion) -> list[ComparedValue]:
    """Sizes of the data, memory, and the seconds of each stage."""
    return _compare(_facts(first), _facts(second), judged=False)


def hyperparameters_compare(first: ModelVersion, second: ModelVersion) -> list[ComparedValue]:
    """The hyperparameters, of training and of serving, that differ."""
    sides = [flat({**version.hyperparameters, "serving": version.serving}) for version in (first, second)]
    return [value for value in _compare(*sides, judged=False) if value.differs]


def quality_over_versions(limit: int = 30) -> list[VersionPoint]:
    """The newest ``limit`` evaluated versions, the oldest first. One query."""
    rows = ModelVersion.objects.filter(metrics__has_key=MEASURE).only("status", "metrics").order_by("-pk")[:limit]
    return [point for row in reversed(rows) if (point := version_point(row)) is not None]


def quality_series(points: Sequence[VersionPoint]) -> dict[str, list[Any]]:
    """The points as columns, for plots.js: versions, model, popularity, statuses."""
    return {
        "versions": [point.version_id for point in points],
        "model": [point.value for point in points],
        "popularity": [point.popularity for point in points],
        "statuses": [point.status for point in points],
    }


def rankable_versions() -> list[ModelVersion]:
    """The versions that still have their vectors, the newest first: they can be previewed and published. One query."""
    vectors = MovieEmbedding.objects.filter(version=OuterRef("pk"))
    rows = ModelVersion.objects.filter(Exists(vectors), status__in=TRAINED)
    return list(rows.only("status", "metrics", "finished_at"))


def _compare(first: Mapping[str, Any], second: Mapping[str, Any], *, judged: bool) -> list[ComparedValue]:
    names = dict.fromkeys([*first, *second])
    return [_compared(name, first.get(name), second.get(name), judged=judged) for name in names]


def _compared(name: str, first: Any, second: Any, *, judged: bool) -> ComparedValue:
    numbers = all(isinstance(value, int | float) and not isinstance(value, bool) for value in (first, second))
    if not numbers:
        return ComparedValue(name, first, second, None, "")
    difference = second - first
    better = ""
    if judged and difference and not name.endswith("people"):
        smaller = any(word in name for word in _SMALLER_IS_BETTER)
        better = "second" if (difference < 0) == smaller else "first"
    return ComparedValue(name, first, second, difference, better)


def _facts(version: ModelVersion) -> dict[str, Any]:
    sizes = {name: getattr(version, name) for name in ("people", "movies", "interactions")}
    return {**sizes, "peak memory (MiB)": version.peak_memory_mib, **stage_seconds(version.metrics)}


def stage_seconds(metrics: Mapping[str, Any]) -> dict[str, float]:
    """How long each stage of a training took, in seconds, by a name with the unit."""
    return {f"{stage} (seconds)": seconds for stage, seconds in metrics.get("stages", [])}


def flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested values by their path; without the stages, which ``stage_seconds`` reads."""
    found: dict[str, Any] = {}
    for name, value in values.items():
        path = f"{prefix}{name}"
        if isinstance(value, Mapping):
            found |= flat(value, f"{path} ")
        elif name == "stages":
            continue
        elif isinstance(value, list) and any(isinstance(one, Mapping) for one in value):
            found |= flat({str(place): one for place, one in enumerate(value, start=1)}, f"{path} ")
        else:
            found[path] = value
    return found


def _number(value: Any) -> float | None:
    """A measure as a number; None where there is none."""
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None

"""Model versions as plain values, for tables and JSON."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from recommendations.models import ModelVersion
from recommendations.training.comparison import rankable_versions, version_point
from recommendations.training.gate import MEASURE
from recommendations.training.heartbeat import heartbeat_age


def version_summary(version: ModelVersion, *, kept: Collection[int]) -> dict[str, Any]:
    """One line of a list. kept: ids of the versions that still have their vectors, which can be published."""
    point = version_point(version)
    return {
        "version": version.pk,
        "status": version.status,
        "stage": version.stage,
        "progress": version.progress,
        "attempts": version.attempts,
        "heartbeat_seconds": heartbeat_age(version),
        "trigger": version.trigger,
        "kept": version.pk in kept,
        MEASURE: None if point is None else point.value,
        f"popularity {MEASURE}": None if point is None else point.popularity,
        "people": version.people,
        "movies": version.movies,
        "interactions": version.interactions,
        "created_at": version.created_at,
        "finished_at": version.finished_at,
        "live_at": version.live_at,
        "reason": version.refusal or version.error,
    }


def version_summaries(limit: int) -> list[dict[str, Any]]:
    """The newest ``limit`` versions, the newest first. Two queries."""
    kept = _kept()
    versions = ModelVersion.objects.select_related("heartbeat")[:limit]
    return [version_summary(version, kept=kept) for version in versions]


def version_details(version: ModelVersion) -> dict[str, Any]:
    """All that its row says, and the decisions about it, the newest first. Three queries."""
    decisions = version.decisions.select_related("made_by")
    return {
        **version_summary(version, kept=_kept()),
        "requested_by": None if version.requested_by is None else str(version.requested_by),
        "process": str(version.heartbeat.process) if hasattr(version, "heartbeat") else "",
        "started_at": version.started_at,
        "scheduled_for": version.scheduled_for,
        "peak_memory_mib": version.peak_memory_mib,
        "algorithm": version.algorithm,
        "metrics": version.metrics,
        "hyperparameters": version.hyperparameters,
        "serving": version.serving,
        "watch": version.watch,
        "artefacts": version.artefacts,
        "decisions": [
            {
                "kind": row.kind,
                "reason": row.reason,
                "made_by": None if row.made_by is None else str(row.made_by),
                "made_at": row.made_at,
            }
            for row in decisions
        ],
    }


def _kept() -> set[int]:
    return {version.pk for version in rankable_versions()}

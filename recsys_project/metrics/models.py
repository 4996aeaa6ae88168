"""The live version, its age and quality, what the gate said, trainings, and whether everyone gets the same list."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from django.db import connection
from django.db.models import Count, Max
from django.utils import timezone
from prometheus_client.metrics_core import Metric

from movies.models import Movie
from recommendations.models import ModelVersion, TrainingHeartbeat, VersionDecision
from recommendations.training.gate import MEASURE
from recommendations.training.watch import OUTSIDE, ROLLED_BACK
from recommendations.vectors.artefacts import artefacts_problem
from recsys_project.health import live_version
from recsys_project.metrics.state import gauge, gauges

Status = ModelVersion.Status
# Status of a version, as the result of its training. A version that was live or may go live has passed the gate.
_RESULTS = {
    Status.LIVE: "published",
    Status.RETIRED: "published",
    Status.READY: "published",
    Status.REFUSED: "refused",
    Status.FAILED: "failed",
}
_RECENT_LISTS = 300
_TOP = 10
_RECENT = """
    SELECT movie_ids FROM events_servedrecommendation
    WHERE user_id IS NOT NULL AND served_at > %s ORDER BY id DESC LIMIT %s
"""


def model_metrics() -> Iterable[Metric]:
    """The live version and trainings. Six queries of small tables."""
    now = timezone.now()
    versions = ModelVersion.objects.only("pk", "status", "metrics", "watch", "started_at", "finished_at", "created_at")
    live = versions.live().first()
    if live is not None:
        yield from _live(live, now)
    counts = Counter[str]()
    newest: dict[str, datetime] = {}
    rows = ModelVersion.objects.order_by().values_list("status").annotate(Count("pk"), Max("finished_at"))
    for status, count, finished_at in rows:
        if (result := _RESULTS.get(status)) is None:
            continue
        counts[result] += count
        if finished_at is not None:
            newest[result] = max(finished_at, newest.get(result, finished_at))
    yield from gauges(
        "recsys_trainings", "Trainings whose versions are kept, by result.", "result", sorted(counts.items())
    )
    yield from gauges(
        "recsys_training_last_finished_timestamp_seconds",
        "When the latest training with this result ended, in seconds since 1970.",
        "result",
        [(result, moment.timestamp()) for result, moment in sorted(newest.items())],
    )
    finished = versions.filter(status__in=_RESULTS).exclude(finished_at=None).order_by("-finished_at").first()
    if finished is not None and finished.finished_at is not None:
        seconds = (finished.finished_at - (finished.started_at or finished.created_at)).total_seconds()
        yield from gauge("recsys_training_last_duration_seconds", "How long the latest training took.", seconds)
        refused = finished.status == Status.REFUSED
        text = "Whether the gate refused the latest training: 1 or 0."
        yield from gauge("recsys_training_last_refused", text, refused)
        text = "Whether the latest training failed, for good: 1 or 0."
        yield from gauge("recsys_training_last_failed", text, finished.status == Status.FAILED)
    running = ModelVersion.objects.filter(status__in=[Status.TRAINING, Status.REQUESTED]).order_by("-progress")
    progress = running.values_list("progress", flat=True).first()
    yield from gauge("recsys_training_waiting", "Trainings that wait or run.", running.count())
    text = "Progress of the training that runs, 0 to 1; missing if none waits or runs."
    yield from gauge("recsys_training_progress_ratio", text, progress)
    yield from _watched(live, now)


def _watched(live: ModelVersion | None, now: datetime) -> Iterable[Metric]:
    """Whether trainings live, and what the watch after publishing did. Two queries."""
    running = TrainingHeartbeat.objects.filter(version__status__in=[Status.TRAINING, Status.READY])
    last = running.order_by("at").values_list("at", flat=True).first()
    text = "Seconds since the training that runs last showed that it lives; missing if none runs."
    yield from gauge(
        "recsys_training_heartbeat_age_seconds", text, None if last is None else (now - last).total_seconds()
    )
    withdrawn = VersionDecision.objects.filter(
        kind=VersionDecision.Kind.WITHDRAWN, made_by=None, version__watch__result=ROLLED_BACK
    )
    back = withdrawn.values_list("made_at", flat=True).first()
    text = "When the watch last rolled a version back, in seconds since 1970; missing if it never did."
    yield from gauge("recsys_watch_rolled_back_timestamp_seconds", text, None if back is None else back.timestamp())
    if live is not None:
        text = "Whether the live version is outside its band and could not be rolled back: 1 or 0."
        outside = str(live.watch.get("result", "")).startswith(OUTSIDE)
        yield from gauge("recsys_watch_outside_band", text, outside)


def _live(live: ModelVersion, now: datetime) -> Iterable[Metric]:
    trained = live.finished_at or live.created_at
    yield from gauge("recsys_model_live_version", "The number of the live version.", live.pk)
    text = "When the live version was trained, in seconds since 1970."
    yield from gauge("recsys_model_trained_timestamp_seconds", text, trained.timestamp())
    text = "Seconds since the live version was trained."
    yield from gauge("recsys_model_age_seconds", text, (now - trained).total_seconds())
    popularity = live.metrics.get("popularity")
    measures = {"model": live.metrics, "popularity": popularity if isinstance(popularity, dict) else {}}
    yield from gauges(
        "recsys_model_quality",
        f"{MEASURE} on held-out data: of the live version, and of popularity on the same data.",
        "ranking",
        [(name, _number(values.get(MEASURE))) for name, values in measures.items()],
    )


def model_file_metrics() -> Iterable[Metric]:
    """Whether this machine can read the live version's files. One query."""
    version = live_version()
    if version is not None:
        text = "Whether this machine can read the live model's files: 1 or 0."
        yield from gauge("recsys_model_artefacts_readable", text, not artefacts_problem(version=version))


def list_variety_metrics() -> Iterable[Metric]:
    """How much of the catalogue recent lists show, and how much two people's lists share. Two queries."""
    with connection.cursor() as cursor:
        cursor.execute(_RECENT, [timezone.now() - timedelta(days=1), _RECENT_LISTS])
        lists: list[list[int]] = [row[0] for row in cursor.fetchall()]
    if len(lists) < 2:
        return
    places = Counter(movie for movies in lists for movie in movies[:_TOP])
    shared = sum(count * (count - 1) for count in places.values())
    pairs = len(lists) * (len(lists) - 1) * min(_TOP, max(map(len, lists)) or 1)
    text = f"Of the latest {_RECENT_LISTS} lists: the mean share of the top {_TOP} that two of them have in common."
    yield from gauge("recsys_lists_overlap_ratio", text, shared / pairs)
    published = Movie.objects.filter(status=Movie.Status.PUBLISHED).count()
    shown = len({movie for movies in lists for movie in movies})
    text = f"The share of published movies that is in the latest {_RECENT_LISTS} lists."
    yield from gauge("recsys_catalogue_coverage_ratio", text, min(1.0, shown / published) if published else None)
    yield from gauge("recsys_catalogue_movies", "Published movies.", published)


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) else None

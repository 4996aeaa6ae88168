"""After publishing: compares what comes of the new version's lists with the days before, and rolls back by itself.

At most once for each version. What was found last is in the version's row (``watch``).
"""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

import structlog
from django.conf import settings
from django.core.exceptions import ValidationError
from django.utils import timezone

from events.attribution.selectors import statistics_as_of
from events.attribution.windows import OPENED_WITHIN, WindowFigures, window_figures
from recommendations.models import ModelVersion, VersionDecision
from recommendations.training.decisions import version_withdraw
from recommendations.training.watch_band import BandConfig, band_judge

logger = structlog.get_logger(__name__)

_HOUR = timedelta(hours=1)
_DAY = timedelta(days=1)
ROLLED_BACK = "rolled back"
OUTSIDE = "outside, not rolled back"


def version_watch(*, now: datetime | None = None) -> ModelVersion | None:
    """Judge the live version by its lists so far; if they are outside the band, roll back and return the new live one.

    A version is watched in the first WATCH_HOURS after it goes live, a day at most, unless it was restored by a
    rollback, or was rolled back by the watch before. Three bounded queries for each day
    that is compared, and a few more.
    """
    now = now or timezone.now()
    live = ModelVersion.objects.live().first()
    if live is None or not _is_watched(live, now):
        return None
    window = _window(live)
    if window is None:
        return None
    since, until = window
    own = window_figures(since=since, until=until, version_id=live.pk, own=True)
    config = BandConfig(settings.WATCH_MIN_LISTS, settings.WATCH_MAX_CLICK_LOSS, settings.WATCH_MAX_SHARE_RISE)
    days = _days_before(live, since, until) if own.lists >= config.min_lists else []
    found = band_judge(own, days, config)
    noted: dict[str, Any] = {"since": since.isoformat(), "until": until.isoformat(), **asdict(own)}
    if found.reasons:
        return _roll_back(live, noted | {"result": ROLLED_BACK, "reasons": list(found.reasons)})
    few = "too few days before it with enough lists" if days else "too few lists"
    _note(live, noted | {"result": "as before" if found.judged else few})
    return None


def _is_watched(live: ModelVersion, now: datetime) -> bool:
    if not settings.WATCH_HOURS or live.live_at is None or live.watch.get("result") == ROLLED_BACK:
        return False
    # The last hours of its time are judged when they have been counted.
    if now > live.live_at + _watched_time() + 4 * _HOUR:
        return False
    newest = live.decisions.first()
    return newest is None or newest.kind != VersionDecision.Kind.RESTORED


def _watched_time() -> timedelta:
    """More than a day would overlap with the day before."""
    return min(timedelta(hours=settings.WATCH_HOURS), _DAY)


def _window(live: ModelVersion) -> tuple[datetime, datetime] | None:
    """The full hours since the version went live whose clicks are counted; None if there are none yet."""
    counted = statistics_as_of()
    if counted is None or live.live_at is None:
        return None
    since = _full_hour(live.live_at + _HOUR - timedelta(microseconds=1))
    until = min(_full_hour(counted - OPENED_WITHIN), since + _watched_time())
    return (since, until) if since < until else None


def _full_hour(moment: datetime) -> datetime:
    return moment.replace(minute=0, second=0, microsecond=0)


def _days_before(live: ModelVersion, since: datetime, until: datetime) -> list[WindowFigures]:
    """The same hours of each day before, of all other versions."""
    days = range(1, settings.WATCH_DAYS + 1)
    return [
        window_figures(since=since - day * _DAY, until=until - day * _DAY, version_id=live.pk, own=False)
        for day in days
    ]


def _note(live: ModelVersion, found: dict[str, Any]) -> None:
    ModelVersion.objects.filter(pk=live.pk).update(watch=found)
    logger.info("version_watched", version=live.pk, result=found["result"], lists=found["lists"])


def _roll_back(live: ModelVersion, noted: dict[str, Any]) -> ModelVersion | None:
    reason = "; ".join(noted["reasons"])
    try:
        restored = version_withdraw(version=live, reason=f"Rolled back by the watch: {reason}.", watch=noted)
    except ValidationError as error:
        problem = " ".join(error.messages)
        logger.error("version_not_rolled_back", version=live.pk, reason=reason, problem=problem)
        _note(live, noted | {"result": f"{OUTSIDE}: {problem}"})
        return None
    logger.error("version_rolled_back", version=live.pk, restored=restored.pk, reason=reason)
    return restored

"""Gauges of what came of recommendations, from the table of statistics."""

import time
from collections.abc import Iterable
from datetime import timedelta

import structlog
from django.db import Error
from django.utils import timezone
from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from events.attribution.dimensions import Dimension
from events.attribution.selectors import Outcomes, outcomes_by, statistics_as_of

logger = structlog.get_logger(__name__)

WINDOW = timedelta(hours=24)
# Statistics change once an hour; scrapes come every few seconds.
CACHE_SECONDS = 60
_LABELS = ["source", "experiment", "arm"]
_GAUGES = {
    "impressions": "Movies shown to people in lists in the last 24 hours.",
    "click_through": "The share of these movies that were clicked or viewed.",
    "watch_through": "The share of these movies that were watched to the end.",
}


class RecommendationOutcomes(Collector):
    """By source, experiment and arm; never by person. Missing before the first statistics and without the database."""

    def __init__(self) -> None:
        self._read_at = -float(CACHE_SECONDS)
        self._metrics: list[Metric] = []

    def collect(self) -> Iterable[Metric]:
        now = time.monotonic()
        if now - self._read_at >= CACHE_SECONDS:
            try:
                self._metrics = list(_read())
            except Error as error:
                logger.warning("recommendation_metrics_not_read", reason=type(error).__name__)
                return []
            self._read_at = now
        return self._metrics


def _read() -> Iterable[Metric]:
    """Three queries."""
    as_of = statistics_as_of()
    if as_of is None:
        return
    now = timezone.now()
    text = "Seconds since the statistics of recommendations were counted last."
    yield GaugeMetricFamily("recsys_recommendation_statistics_age_seconds", text, (now - as_of).total_seconds())
    rows = outcomes_by(Dimension.SOURCE_ARM, since=now - WINDOW, until=now)
    for name, text in _GAUGES.items():
        yield _gauge(name, text, rows)


def _gauge(name: str, text: str, rows: Iterable[Outcomes]) -> Metric:
    gauge = GaugeMetricFamily(f"recsys_recommendation_{name}", text, labels=_LABELS)
    for row in rows:
        if (value := getattr(row, name)) is not None:
            gauge.add_metric([row.value, row.experiment, row.arm], float(value))
    return gauge

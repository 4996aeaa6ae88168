"""Gauges of what came of recommendations, from the table of statistics."""

from collections.abc import Iterable
from datetime import timedelta

from django.utils import timezone
from prometheus_client.metrics_core import GaugeMetricFamily, Metric

from events.attribution.dimensions import Dimension
from events.attribution.selectors import outcomes_by, statistics_as_of

WINDOW = timedelta(hours=24)
# Statistics change once an hour; scrapes come every few seconds.
CACHE_SECONDS = 60
# Each is a series in every gauge; those that were shown most come first.
MAX_ROWS = 30
_LABELS = ["source", "experiment", "arm"]


def outcome_metrics() -> Iterable[Metric]:
    """By source, experiment and arm; never by person. Nothing before the first statistics. Three queries."""
    as_of = statistics_as_of()
    if as_of is None:
        return
    now = timezone.now()
    text = "Seconds since the statistics of recommendations were counted last."
    yield GaugeMetricFamily("recsys_recommendation_statistics_age_seconds", text, (now - as_of).total_seconds())
    rows = outcomes_by(Dimension.SOURCE_ARM, since=now - WINDOW, until=now)[:MAX_ROWS]
    text = "Movies shown to people in lists in the last 24 hours."
    shown = GaugeMetricFamily("recsys_recommendation_impressions", text, labels=_LABELS)
    text = "The share of these movies that were clicked or viewed."
    clicked = GaugeMetricFamily("recsys_recommendation_click_through", text, labels=_LABELS)
    text = "The share of these movies that were watched to the end."
    watched = GaugeMetricFamily("recsys_recommendation_watch_through", text, labels=_LABELS)
    for row in rows:
        values = ((shown, row.impressions), (clicked, row.click_through), (watched, row.watch_through))
        for family, value in values:
            if value is not None:
                family.add_metric([row.value, row.experiment, row.arm], float(value))
    yield from (shown, clicked, watched)

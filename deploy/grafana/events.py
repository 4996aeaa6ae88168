"""Events, the log of served lists, and what came of the lists."""

from grafana_foundation_sdk.models.dashboard import Dashboard

from deploy.grafana.panels import HALF, QUARTER, WHOLE, Panel, bars, dashboard, figure, lines

_VISIBLE = "sum by (le) (rate(recsys_event_visible_seconds_bucket[$__rate_interval]))"
_CLICKED, _WATCHED = "recsys_recommendation_click_through", "recsys_recommendation_watch_through"
_IMPRESSIONS = "max by (source, experiment, arm) (recsys_recommendation_impressions)"


def _rate_by(label: str, metric: str) -> str:
    """The mean of a rate over a label, weighted by impressions."""
    weighted = f"max by (source, experiment, arm) ({metric} * recsys_recommendation_impressions)"
    return f"sum by ({label}) ({weighted}) / sum by ({label}) ({_IMPRESSIONS})"


def events() -> Dashboard:
    """From an event to lists that take account of it, and from a list to the events that follow it."""
    return dashboard(
        "recsys-events",
        "Events and experiments",
        "What people do, how soon lists take account of it, and what came of lists.",
        {
            "Events": _events(),
            "Log of served lists": _log_of_served_lists(),
            "What came of lists, in the last 24 hours": _what_came_of_lists_in_the_last_24_hours(),
        },
    )


def _events() -> list[Panel]:
    return [
        lines(
            "Stored events by kind",
            "ops",
            ("sum by (kind) (rate(recsys_events_total[$__rate_interval]))", "{{kind}}"),
            stacked=True,
        ),
        lines(
            "Refused events",
            "ops",
            ("sum by (reason) (rate(recsys_events_refused_total[$__rate_interval]))", "{{reason}}"),
            stacked=True,
        ),
        lines(
            "From an event to the next list",
            "s",
            (f"histogram_quantile(0.5, {_VISIBLE})", "p50"),
            ("recsys:event_visible_seconds:p95_15m", "p95"),
            limit=5,
        ),
    ]


def _log_of_served_lists() -> list[Panel]:
    return [
        lines("Waiting entries", "none", ("max(recsys_served_log_waiting)", "in Redis")),
        lines("Age of the oldest entry", "s", ("max(recsys_served_log_oldest_seconds)", "oldest"), limit=300),
        lines(
            "Entries that left the stream",
            "ops",
            (
                "max by (outcome) (rate(recsys_served_log_entries_total[$__rate_interval]))",
                "{{outcome}}",
            ),
            ("max(rate(recsys_served_log_trimmed_total[$__rate_interval]))", "lost"),
        ),
        lines("Outbox: rows", "none", ("max by (outbox) (recsys_outbox_rows)", "{{outbox}}"), width=HALF),
        lines(
            "Outbox: age of the oldest row",
            "s",
            ("max by (outbox) (recsys_outbox_oldest_seconds)", "{{outbox}}"),
            width=HALF,
            limit=600,
        ),
    ]


def _what_came_of_lists_in_the_last_24_hours() -> list[Panel]:
    return [
        figure("Impressions", "short", f"sum({_IMPRESSIONS})", width=QUARTER),
        figure("Click-through", "percentunit", _rate_by("", _CLICKED), width=QUARTER, decimals=1),
        figure("Watch-through", "percentunit", _rate_by("", _WATCHED), width=QUARTER, decimals=1),
        figure(
            "Age of the statistics",
            "s",
            "max(recsys_recommendation_statistics_age_seconds)",
            width=QUARTER,
            yellow=7200,
            red=10_800,
        ),
        bars("Impressions by source", "short", f"sum by (source) ({_IMPRESSIONS})", "{{source}}"),
        bars("Click-through by source", "percentunit", _rate_by("source", _CLICKED), "{{source}}"),
        bars("Watch-through by source", "percentunit", _rate_by("source", _WATCHED), "{{source}}"),
        lines(
            "Click-through by experiment and arm",
            "percentunit",
            (
                f"label_replace({_rate_by('experiment, arm', _CLICKED)}, "
                '"experiment", "no experiment", "experiment", "")',
                "{{experiment}} {{arm}}",
            ),
            width=WHOLE,
            about="manage.py experiments results has intervals and the size of each arm.",
        ),
    ]

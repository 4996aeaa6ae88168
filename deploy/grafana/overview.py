"""Whether all is well, at one glance."""

from grafana_foundation_sdk.models.dashboard import Dashboard

from deploy.grafana.panels import HALF, Panel, dashboard, figure, lines

DAY = 86_400


def overview() -> Dashboard:
    """Requests, lists, model and outcome."""
    return dashboard(
        "recsys-overview",
        "Overview",
        "Whether all is well.",
        {
            "Now": _now(),
            "Requests": _requests(),
            "Recommendations": _recommendations(),
            "What people do": _what_people_do(),
        },
    )


def _now() -> list[Panel]:
    return [
        figure("Requests", "reqps", "recsys:http_requests:rate5m"),
        figure("Errors", "percentunit", "recsys:http_errors:ratio_rate5m", yellow=0.001, red=0.01),
        figure(
            "p99 of personal lists",
            "s",
            'recsys:http_request_duration_seconds:p99_5m{area="personal_list"}',
            yellow=0.25,
            red=1,
        ),
        figure("Lists from the cache", "percentunit", "recsys:lists_cached:ratio_rate5m"),
        figure("Age of the model", "s", "max(recsys_model_age_seconds)", yellow=DAY, red=26 * 3600),
        figure("Firing alerts", "none", 'count(ALERTS{alertstate="firing"}) or vector(0)', red=1),
    ]


def _requests() -> list[Panel]:
    return [
        lines(
            "Requests by status",
            "reqps",
            ("sum by (status) (rate(recsys_http_requests_total[$__rate_interval]))", "{{status}}"),
            stacked=True,
        ),
        lines(
            "p99 by area",
            "s",
            ("recsys:http_request_duration_seconds:p99_5m", "{{area}}"),
            limit=1,
        ),
        lines(
            "Lists by cache",
            "reqps",
            ("sum by (state) (rate(recsys_lists_total[$__rate_interval]))", "{{state}}"),
            stacked=True,
            about="hit, stale and shared cost little; miss computes a list.",
        ),
    ]


def _recommendations() -> list[Panel]:
    return [
        lines(
            "Quality of the model",
            "none",
            ("max by (ranking) (recsys_model_quality)", "{{ranking}}"),
            about="nDCG@10 on held-out data, of the live version and of popular movies.",
        ),
        lines(
            "Variety of lists",
            "percentunit",
            ("max(recsys_lists_overlap_ratio)", "top 10 that two people share"),
            ("max(recsys_catalogue_coverage_ratio)", "catalogue in recent lists"),
            top=1,
            limit=0.8,
        ),
        lines(
            "Click-through",
            "percentunit",
            (
                "sum(max by (source, experiment, arm)"
                " (recsys_recommendation_click_through * recsys_recommendation_impressions))"
                " / sum(max by (source, experiment, arm) (recsys_recommendation_impressions))",
                "clicked or viewed",
            ),
            about="Of the movies shown in the last 24 hours.",
        ),
    ]


def _what_people_do() -> list[Panel]:
    return [
        lines(
            "Events by kind",
            "ops",
            ("sum by (kind) (rate(recsys_events_total[$__rate_interval]))", "{{kind}}"),
            stacked=True,
            width=HALF,
        ),
        lines(
            "Alerts",
            "none",
            ('sum by (alertname) (ALERTS{alertstate="firing"})', "{{alertname}}"),
            stacked=True,
            width=HALF,
        ),
    ]

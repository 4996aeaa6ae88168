"""What requests cost, and how lists come about."""

from grafana_foundation_sdk.models.dashboard import Dashboard

from deploy.grafana.panels import HALF, Panel, dashboard, lines

_ROUTES = "topk(10, sum by (route) (rate(recsys_http_requests_total[$__rate_interval])))"
_MEANS = (
    "topk(10, sum by (route) (rate(recsys_http_route_seconds_total[$__rate_interval]))"
    " / sum by (route) (rate(recsys_http_requests_total[$__rate_interval])))"
)
_STAGES = "sum by (stage, le) (rate(recsys_list_stage_duration_seconds_bucket[$__rate_interval]))"


def serving() -> Dashboard:
    """Routes, latency, the cache, stages, sources, refusals."""
    return dashboard(
        "recsys-serving",
        "Serving",
        "What requests cost, and how lists come about.",
        {
            "Requests": _requests(),
            "Lists": _lists(),
            "Refusals": _refusals(),
        },
    )


def _requests() -> list[Panel]:
    return [
        lines("Requests by route", "reqps", (_ROUTES, "{{route}}"), width=HALF, about="The ten with the most."),
        lines(
            "Responses that are no success",
            "reqps",
            (
                'sum by (status) (rate(recsys_http_responses_total{status!~"2..|3.."}[$__rate_interval]))',
                "{{status}}",
            ),
            width=HALF,
        ),
        lines("p50 by area", "s", ("recsys:http_request_duration_seconds:p50_5m", "{{area}}")),
        lines("p99 by area", "s", ("recsys:http_request_duration_seconds:p99_5m", "{{area}}"), limit=1),
        lines("Mean time by route", "s", (_MEANS, "{{route}}"), about="The ten slowest."),
    ]


def _lists() -> list[Panel]:
    return [
        lines(
            "Lists by cache",
            "reqps",
            ("sum by (state) (rate(recsys_lists_total[$__rate_interval]))", "{{state}}"),
            stacked=True,
        ),
        lines(
            "Requests of the fast path",
            "reqps",
            ("sum by (outcome) (rate(recsys_fast_path_requests_total[$__rate_interval]))", "{{outcome}}"),
            stacked=True,
            about="answered: without Django; the others say why not.",
        ),
        lines(
            "Computed lists",
            "ops",
            ("sum by (state) (rate(recsys_lists_computed_total[$__rate_interval]))", "{{state}}"),
            stacked=True,
            about="known: has a nightly list. warm: did something since. cold: did nothing. fallback: popular "
            "movies alone.",
        ),
        lines(
            "Sources of computed lists",
            "percentunit",
            (
                "sum by (source) (rate(recsys_list_source_shares_total[$__rate_interval]))"
                " / on () group_left () sum(rate(recsys_list_source_shares_total[$__rate_interval]))",
                "{{source}}",
            ),
            stacked=True,
            top=1,
        ),
        lines(
            "Stages of computing a list",
            "s",
            (f"histogram_quantile(0.5, {_STAGES})", "{{stage}} p50"),
            (f"histogram_quantile(0.95, {_STAGES})", "{{stage}} p95"),
        ),
        lines(
            "Lists that fell back or are empty",
            "percentunit",
            ("recsys:lists_fallback:ratio_rate15m", "popular movies alone"),
            ("recsys:lists_empty:ratio_rate15m", "empty"),
            limit=0.2,
        ),
    ]


def _refusals() -> list[Panel]:
    return [
        lines(
            "Refused by a rate limit",
            "reqps",
            ("sum by (limit) (rate(recsys_rate_limit_refusals_total[$__rate_interval]))", "{{limit}}"),
            width=HALF,
        ),
        lines(
            "Refused sign-ins",
            "reqps",
            ("sum by (reason) (rate(recsys_logins_refused_total[$__rate_interval]))", "{{reason}}"),
            width=HALF,
            limit=1,
        ),
    ]

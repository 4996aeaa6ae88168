"""Requests by route and status, and their latency by area: by the middleware, and in batches by the fast path.

A histogram for each route would be a thousand series, so that latency is a histogram for each area of the site and,
for each route, a sum, from which the mean follows.
"""

import bisect
import time
from collections import Counter as Tally
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from prometheus_client import Counter, Histogram

from recsys_project.metrics.processes import observe_process
from recsys_project.middleware import GetResponse
from recsys_project.probes import PATHS

# Few, since each is a series for each area.
BUCKETS = (0.005, 0.025, 0.1, 0.25, 1.0, 5.0)
REQUESTS = Counter(
    "recsys_http_requests_total",
    "Requests by the name of their route and the class of their status: 2xx, 3xx, 4xx, 5xx.",
    ["route", "status"],
)
ROUTE_SECONDS = Counter("recsys_http_route_seconds_total", "Seconds spent on requests, by route.", ["route"])
RESPONSES = Counter("recsys_http_responses_total", "Responses by their exact status.", ["status"])
SECONDS = Histogram(
    "recsys_http_request_duration_seconds", "How long requests took, by area of the site.", ["area"], buckets=BUCKETS
)
# Routes of the admin are one for metrics: there are hundreds.
_ADMIN = "admin"
NO_ROUTE = "none"
_NAMESPACES = {"admin": _ADMIN, "recommendations": "lists", "movies": "catalogue", "events": "events"}
_AREAS = {
    "recommendations:list": "personal_list",
    "home-rows": "home",
    "movie-search": "search",
    "movie": "catalogue",
    "genres": "catalogue",
    "movie-similar": "lists",
    "rank": "lists",
}
# Other statuses are counted as "other", so that there is an end to them.
_STATUSES = frozenset(map(int, HTTPStatus))


class RequestMetricsMiddleware:
    """Counts every response, those of other middleware too. Probes and scrapes are not counted."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if request.path_info in PATHS:
            return self.get_response(request)
        started = time.perf_counter()
        response = self.get_response(request)
        observe(route_of(request), response.status_code, [time.perf_counter() - started])
        observe_process()
        return response


def route_of(request: HttpRequest) -> str:
    """The name of the request's route, as ``recommendations:list``; NO_ROUTE if no pattern matched."""
    match = request.resolver_match
    if match is None:
        return NO_ROUTE
    return _ADMIN if _ADMIN in match.namespaces else match.view_name or NO_ROUTE


def area_of(route: str) -> str:
    """The area of the site that a route belongs to; there are about ten."""
    if (area := _AREAS.get(route)) is not None:
        return area
    namespace = route.partition(":")[0]
    return _NAMESPACES.get(namespace, "accounts" if namespace in ("auth", "users", "accounts", "groups") else "other")


def observe(route: str, status: int, seconds: Sequence[float]) -> None:
    """Counts answers of one route and status; ``seconds`` has how long each took."""
    count = len(seconds)
    REQUESTS.labels(route, f"{status // 100}xx").inc(count)
    ROUTE_SECONDS.labels(route).inc(sum(seconds))
    RESPONSES.labels(str(status) if status in _STATUSES else "other").inc(count)
    observe_many(SECONDS.labels(area_of(route)), seconds)


def observe_many(histogram: Any, values: Sequence[float]) -> None:
    """Histogram.observe for several values at once; the client has no such call, and each costs microseconds."""
    histogram._sum.inc(sum(values))
    for bucket, count in Tally(bisect.bisect_left(histogram._upper_bounds, value) for value in values).items():
        histogram._buckets[bucket].inc(count)

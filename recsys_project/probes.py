"""Answers ``/health/*`` and ``/metrics`` before all other middleware."""

from http import HTTPStatus

import structlog
from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.urls import resolve

from recsys_project.client_address import client_network
from recsys_project.exceptions import error_response
from recsys_project.local_limit import LocalLimit
from recsys_project.metrics.access import holds_token
from recsys_project.middleware import GetResponse

_METRICS = "/metrics"
PATHS = frozenset({"/health/live", "/health/ready", _METRICS})
_limit = LocalLimit("probe")


class ProbeMiddleware:
    """Calls the view of a probe or scrape directly.

    Probes use an IP address instead of a name in ``ALLOWED_HOSTS``, so any Host header is accepted; the views do not
    use it. Sessions, the site's rate limits and authentication are skipped, since they need Redis and the database; the
    limit of probes is counted in the process. The metrics view checks its own access.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if request.path_info not in PATHS:
            return self.get_response(request)
        match = resolve(request.path_info)
        request.resolver_match = match
        structlog.contextvars.bind_contextvars(route=match.route)
        # Whoever shares the scraper's address must not be able to use up its share.
        is_scrape = request.path_info == _METRICS and holds_token(request)
        if settings.RATELIMIT_ENABLE and not is_scrape and (wait := _limit.wait(client_network(request))):
            return error_response(request, HTTPStatus.TOO_MANY_REQUESTS, retry_after=wait)
        response: HttpResponseBase = match.func(request, *match.args, **match.kwargs)
        return response

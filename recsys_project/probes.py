"""``/health/*`` and ``/metrics`` are for machines, and are answered before anything that is for people."""

import structlog
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.urls import resolve

from recsys_project.middleware import GetResponse

PATHS = frozenset({"/health/live", "/health/ready", "/metrics"})


class ProbeMiddleware:
    """Answers a probe or scrape by its view alone.

    They come by an address rather than a name of ``ALLOWED_HOSTS``, so they are answered whatever their Host header is;
    and no session, rate limit or authentication is in their way, which ask Redis and the database. The views trust
    nothing that the Host header says. Who may read metrics their view decides.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if request.path_info not in PATHS:
            return self.get_response(request)
        match = resolve(request.path_info)
        request.resolver_match = match
        structlog.contextvars.bind_contextvars(route=match.route)
        response: HttpResponseBase = match.func(request, *match.args, **match.kwargs)
        return response

"""Who may read ``/metrics``: the holder of METRICS_TOKEN or, if that is unset, who asks from this machine itself."""

import hmac

from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from accounts.authentication import bearer_credentials
from recsys_project.client_address import client_address
from recsys_project.exceptions import error_response

# Headers with which proxies say that they pass a request on, and for whom.
_PROXY_HEADERS = (
    "HTTP_FORWARDED",
    "HTTP_VIA",
    "HTTP_X_FORWARDED_FOR",
    "HTTP_X_FORWARDED_HOST",
    "HTTP_X_FORWARDED_PORT",
    "HTTP_X_FORWARDED_PROTO",
    "HTTP_X_FORWARDED_PROTOCOL",
    "HTTP_X_FORWARDED_SERVER",
    "HTTP_X_FORWARDED_SSL",
    "HTTP_X_ORIGINAL_FORWARDED_FOR",
    "HTTP_X_REAL_IP",
    "HTTP_X_CLIENT_IP",
    "HTTP_X_CLUSTER_CLIENT_IP",
    "HTTP_X_ENVOY_EXTERNAL_ADDRESS",
    "HTTP_TRUE_CLIENT_IP",
    "HTTP_CF_CONNECTING_IP",
    "HTTP_FASTLY_CLIENT_IP",
    "HTTP_CLIENT_IP",
)


def holds_token(request: HttpRequest) -> bool:
    """Whether the request has METRICS_TOKEN; False without one in the settings."""
    given = bearer_credentials(request) or ""
    # Headers are Latin-1 in WSGI, and these the bytes that were sent.
    sent = given.encode("latin-1", "replace")
    return bool(settings.METRICS_TOKEN) and hmac.compare_digest(sent, settings.METRICS_TOKEN.encode())


def refusal_of(request: HttpRequest) -> HttpResponseBase | None:
    """The answer to who may not read the metrics; None for who may."""
    if settings.METRICS_TOKEN:
        if holds_token(request):
            return None
        response = error_response(request, 401, message="Send the metrics token as Authorization: Bearer.")
        response["WWW-Authenticate"] = 'Bearer realm="metrics"'
        return response
    address = client_address(request)
    if address is not None and address.is_loopback and not _hides_the_client(request):
        return None
    return error_response(request, 403, message="Metrics are for this machine only, until METRICS_TOKEN is set.")


def _hides_the_client(request: HttpRequest) -> bool:
    """Whether the request came through a proxy that does not tell the client's address as the settings expect.

    Behind a proxy on this machine all clients look like loopback; any header that proxies add reveals it.
    """
    if not any(header in request.META for header in _PROXY_HEADERS):
        return False
    told = [part for part in request.META.get("HTTP_X_FORWARDED_FOR", "").split(",") if part.strip()]
    return not 0 < settings.TRUSTED_PROXIES <= len(told)

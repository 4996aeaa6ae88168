"""The bytes of an answer: the headers that the middleware would set, found by running it once."""

import time
from collections.abc import Callable, Mapping
from wsgiref.handlers import format_date_time

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseNotModified
from django.http.response import HttpResponseBase
from django.utils.module_loading import import_string

# What sets headers on every answer, inside out. None of it asks anything of Redis or the database.
_SETS_HEADERS = (
    "corsheaders.middleware.CorsMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "recsys_project.security_headers.SecurityHeadersMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.middleware.security.SecurityMiddleware",
)
# What the lane does itself, or what does nothing to a plain GET without a cookie.
_COVERED = frozenset(
    (
        "recsys_project.middleware.RequestContextMiddleware",
        "recsys_project.metrics.requests.RequestMetricsMiddleware",
        "recsys_project.middleware.BodyLimitMiddleware",
        "recsys_project.probes.ProbeMiddleware",
        "whitenoise.middleware.WhiteNoiseMiddleware",
        "recsys_project.body_charset.BodyCharsetMiddleware",
        "django.contrib.sessions.middleware.SessionMiddleware",
        "recsys_project.middleware.SlashMiddleware",
        "django.middleware.csrf.CsrfViewMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
        "django_otp.middleware.OTPMiddleware",
        "django.contrib.messages.middleware.MessageMiddleware",
        "recsys_project.ratelimits.RateLimitMiddleware",
        "recsys_project.contract.ContractMiddleware",
        "recsys_project.fast_path.learning.LearningMiddleware",
        *_SETS_HEADERS,
    )
)
# Status line and date; then the headers before and after the tag, the limits, the length and the request id.
_Template = tuple[bytes, bytes, bytes, bytes, bytes]
# The value of ETag among a route's headers.
ETAG_PLACE = "etag-goes-here"
_LIMIT, _LENGTH = "limit-goes-here", "length-goes-here"


def middleware_is_known() -> bool:
    """Whether the settings name no middleware that the lane would leave out without knowing what it does."""
    return set(settings.MIDDLEWARE) <= _COVERED


class Responses:
    """The answers of a route whose view sets these headers, to clients that came by HTTPS or with a token, or not."""

    def __init__(self, path: str, headers: Mapping[str, str], *, secure: bool, authorized: bool) -> None:
        self._date, self._second = b"", 0

        def found(request: HttpRequest) -> HttpResponse:
            return _with_places(HttpResponse(b"", content_type="application/json", headers=dict(headers)))

        def not_modified(request: HttpRequest) -> HttpResponse:
            return _with_places(HttpResponseNotModified(headers=dict(headers)))

        given = {"secure": secure, "authorized": authorized}
        self._found = _template(_response(path, found, **given), b"200 OK")
        self._not_modified = _template(_response(path, not_modified, **given), b"304 Not Modified")

    def found(self, body: bytes, *, limit: bytes, etag: str, request_id: str) -> bytes:
        """200 with a JSON body. limit: the headers of the rate limit, with their ends, or nothing."""
        parts = self._parts(self._found, b"%d" % len(body), limit, etag, request_id)
        return b"".join((*parts, b"\r\n\r\n", body))

    def not_modified(self, *, limit: bytes, etag: str, request_id: str) -> bytes:
        """304."""
        return b"".join((*self._parts(self._not_modified, b"0", limit, etag, request_id), b"\r\n\r\n"))

    def _parts(
        self, template: "_Template", length: bytes, limit: bytes, etag: str, request_id: str
    ) -> tuple[bytes, ...]:
        start, before, between, after, end = template
        return start, self._now(), before, etag.encode(), between, limit, after, length, end, request_id.encode()

    def _now(self) -> bytes:
        second = int(time.time())
        if second != self._second:
            self._date, self._second = format_date_time(second).encode(), second
        return self._date


def limit_headers(name: str, quota: int, window: int, remaining: int, reset: int) -> bytes:
    """The headers of one rate limit; see ratelimits._add_headers."""
    return (
        f'RateLimit-Policy: "{name}";q={quota};w={window}\r\nRateLimit: "{name}";r={remaining};t={reset}\r\n'.encode()
    )


def _with_places(response: HttpResponse) -> HttpResponse:
    response["Allow"] = "GET, HEAD, OPTIONS"
    response["X-Limit"] = _LIMIT
    response["Content-Length"] = _LENGTH
    return response


def _response(
    path: str, view: Callable[[HttpRequest], HttpResponse], *, secure: bool, authorized: bool
) -> HttpResponseBase:
    """The answer of ``view`` with the headers of the middleware."""
    request = HttpRequest()
    request.method, request.path, request.path_info = "GET", path, path
    host = next((name for name in settings.ALLOWED_HOSTS if not name.startswith((".", "*"))), "localhost")
    request.META = {"HTTP_HOST": host, "REQUEST_METHOD": "GET"}
    if authorized:
        request.META["HTTP_AUTHORIZATION"] = "Bearer x"
    if secure and settings.SECURE_PROXY_SSL_HEADER:
        name, value = settings.SECURE_PROXY_SSL_HEADER
        request.META[name] = value
    answer: Callable[[HttpRequest], HttpResponseBase] = view
    for name in reversed([name for name in settings.MIDDLEWARE if name in _SETS_HEADERS]):
        answer = import_string(name)(answer)
    return answer(request)


def _template(response: HttpResponseBase, status: bytes) -> "_Template":
    """The head around the places of date, tag, limit, length and request id; as Gunicorn writes heads."""
    lines = "".join(f"{name}: {value}\r\n" for name, value in response.items())
    # Without a tag its place is at the beginning, and nothing is put there.
    before, from_tag = lines.split(ETAG_PLACE) if ETAG_PLACE in lines else ("", lines)
    between, from_limit = from_tag.split(f"X-Limit: {_LIMIT}\r\n")
    after, end = from_limit.split(_LENGTH)
    start = b"HTTP/1.1 %b\r\nServer: gunicorn\r\nDate: " % status
    head = b"\r\nConnection: keep-alive\r\n" + before.encode("latin-1")
    rest = (between.encode("latin-1"), after.encode("latin-1"), end.encode("latin-1") + b"X-Request-ID: ")
    return start, head, *rest

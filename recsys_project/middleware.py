"""Middleware for all requests: request ids, the request log, the error shape, body limits and slashes."""

import re
import time
import uuid
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

import structlog
from django.conf import settings
from django.db import DataError
from django.http import HttpRequest, HttpResponse, HttpResponsePermanentRedirect
from django.http.response import HttpResponseBase
from django.middleware.common import CommonMiddleware
from django.utils.http import escape_leading_slashes

from accounts.authentication import token_user_id
from recsys_project.exceptions import bad_request, error_response, is_api, with_error_shape
from recsys_project.log_sampling import is_sampled

logger = structlog.get_logger(__name__)

GetResponse = Callable[[HttpRequest], HttpResponseBase]
_WITHOUT_BODY = ("GET", "HEAD", "OPTIONS")
REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,128}")


class RequestContextMiddleware:
    """Adds a request id to all log lines and to the response, and logs one line per response.

    The line holds the route (the URL pattern) instead of the path, so that lines can be grouped and hold no ids or
    search terms. It is the outermost middleware, so that responses of other middleware have an id and a line too.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        started = time.perf_counter()
        request_id = _request_id(request)
        request.request_id = request_id  # type: ignore[attr-defined]
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request_id=request_id, method=request.method)
        try:
            response = with_error_shape(request, self.get_response(request))
            response.headers["X-Request-ID"] = request_id
            self._log(request, response, started)
            # Django would log the same again, without the request's context.
            response._has_been_logged = True  # type: ignore[attr-defined]
            return response
        finally:
            structlog.contextvars.clear_contextvars()

    def process_view(self, request: HttpRequest, view: Any, args: Any, kwargs: Any) -> None:
        structlog.contextvars.bind_contextvars(route=_route(request))
        if (user_id := token_user_id(request)) is not None:
            structlog.contextvars.bind_contextvars(user_id=user_id)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponseBase | None:
        """400 for a page with a value that PostgreSQL cannot store, as a NUL. REST views handle it themselves."""
        if not isinstance(exception, DataError):
            return None
        logger.warning("request_refused_by_database", error=type(exception).__name__, exc_info=exception)
        return bad_request(request, exception)

    @staticmethod
    def _log(request: HttpRequest, response: HttpResponseBase, started: float) -> None:
        status = response.status_code
        share: float = settings.LOG_CACHED_SAMPLE
        given: dict[str, Any] = {}
        if share < 1 and status < 400 and structlog.contextvars.get_contextvars().get("list") == "hit":
            if not is_sampled(request.request_id, share):  # type: ignore[attr-defined]
                return
            given["sample"] = share
        log = logger.error if status >= 500 else logger.warning if status >= 400 else logger.info
        log(
            "request_finished",
            route=_route(request),
            status=status,
            duration_ms=round((time.perf_counter() - started) * 1000, 2),
            user_id=_user_id(request),
            **given,
        )


class BodyLimitMiddleware:
    """Refuses a request whose body is over the limit of its route before anything reads it, on every path.

    ``settings.BODY_LIMIT_ROUTES`` sets the limits, and no route reads more than ``DATA_UPLOAD_MAX_MEMORY_SIZE``, except
    those that take files (``UPLOAD_LIMIT_ROUTES``).
    Django's own limit applies to ``request.body`` only, which REST framework's parsers and file uploads do not use. A
    chunked body is refused too: Django reads only Content-Length bytes, so the body would be treated as empty.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if "HTTP_TRANSFER_ENCODING" in request.META and request.method not in _WITHOUT_BODY:
            return _refused(request, HTTPStatus.LENGTH_REQUIRED, "Send the body with a Content-Length.")
        length = request.META.get("CONTENT_LENGTH") or ""
        limit = body_limit(request.path_info)
        if length.isdecimal() and int(length[:20]) > limit:
            message = f"The body may have at most {limit} bytes here."
            return _refused(request, HTTPStatus.REQUEST_ENTITY_TOO_LARGE, message)
        return self.get_response(request)


def _refused(request: HttpRequest, status: HTTPStatus, message: str) -> HttpResponseBase:
    """The error shape in the API, else plain text."""
    if is_api(request.path_info):
        return error_response(request, status, message=message)
    return HttpResponse(message, status=status, content_type="text/plain; charset=utf-8")


def body_limit(path: str) -> int:
    """The body limit in bytes at this path: that of the first matching route, or the global one.

    Routes of ``settings.UPLOAD_LIMIT_ROUTES`` take files, and have limits of their own.
    """
    if path in settings.UPLOAD_LIMIT_ROUTES:
        return int(settings.UPLOAD_LIMIT_ROUTES[path])
    fitting = (limit for prefix, limit in settings.BODY_LIMIT_ROUTES if path.startswith(prefix))
    return min(next(fitting, settings.DATA_UPLOAD_MAX_MEMORY_SIZE), settings.DATA_UPLOAD_MAX_MEMORY_SIZE)


class KeepMethodRedirect(HttpResponsePermanentRedirect):
    """308 instead of 301, so that a redirected POST stays a POST with its body."""

    status_code = 308


class SlashMiddleware(CommonMiddleware):
    """Django's CommonMiddleware, which also redirects POST and other methods to the URL with a trailing slash."""

    response_redirect_class = KeepMethodRedirect

    def get_full_path_with_slash(self, request: HttpRequest) -> str:
        return escape_leading_slashes(request.get_full_path(force_append_slash=True))


def _request_id(request: HttpRequest) -> str:
    """The client's request id if it matches REQUEST_ID, otherwise a new UUID."""
    given = request.headers.get("X-Request-ID", "")
    return given if REQUEST_ID.fullmatch(given) else str(uuid.uuid4())


def _route(request: HttpRequest) -> str | None:
    """The URL pattern, as ``api/movies/<int:movie_id>/``; None if no pattern matched."""
    match = request.resolver_match
    return match.route if match is not None else None


def _user_id(request: HttpRequest) -> int | None:
    """The user id from the access token, or from the session if the view has read it. No query."""
    if (user_id := token_user_id(request)) is not None:
        return user_id
    return getattr(getattr(request, "_cached_user", None), "pk", None)

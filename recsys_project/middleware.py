"""What every request passes first and last: its id, its line in the log, errors in one shape."""

import re
import time
import uuid
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

import structlog
from django.conf import settings
from django.db import DataError
from django.http import HttpRequest, HttpResponsePermanentRedirect
from django.http.response import HttpResponseBase
from django.middleware.common import CommonMiddleware
from django.utils.http import escape_leading_slashes

from accounts.authentication import token_user_id
from recsys_project.exceptions import bad_request, error_response, is_api, shaped

logger = structlog.get_logger(__name__)

GetResponse = Callable[[HttpRequest], HttpResponseBase]
_WITHOUT_BODY = ("GET", "HEAD", "OPTIONS")
REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,128}")


class RequestContextMiddleware:
    """Gives each request an id, in all its log lines and in the response; logs one line when it is answered.

    The line has the route, that is the URL pattern, not the path: it groups, and it holds no ids or search terms.
    Stands outermost, so that answers of the other middleware have an id and a line too.
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
            response = shaped(request, self.get_response(request))
            response.headers["X-Request-ID"] = request_id
            self._log(request, response, started)
            # Django would log the same again, after the request's context is gone.
            response._has_been_logged = True  # type: ignore[attr-defined]
            return response
        finally:
            structlog.contextvars.clear_contextvars()

    def process_view(self, request: HttpRequest, view: Any, args: Any, kwargs: Any) -> None:
        structlog.contextvars.bind_contextvars(route=_route(request))
        if (user_id := token_user_id(request)) is not None:
            structlog.contextvars.bind_contextvars(user_id=user_id)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponseBase | None:
        """A page's 400 for what PostgreSQL cannot hold, as a NUL in a filter; REST views answer for themselves."""
        if not isinstance(exception, DataError):
            return None
        logger.warning("request_refused_by_database", error=type(exception).__name__, exc_info=exception)
        return bad_request(request, exception)

    @staticmethod
    def _log(request: HttpRequest, response: HttpResponseBase, started: float) -> None:
        status = response.status_code
        log = logger.error if status >= 500 else logger.warning if status >= 400 else logger.info
        log(
            "request_finished",
            route=_route(request),
            status=status,
            duration_ms=round((time.perf_counter() - started) * 1000, 2),
            user_id=_user_id(request),
        )


class BodyLimitMiddleware:
    """Refuses an API request whose body is over the limit of its route before anything reads it.

    ``settings.BODY_LIMIT_ROUTES`` says which that is, and no route reads more than ``DATA_UPLOAD_MAX_MEMORY_SIZE``.
    Django's own limit holds for ``request.body`` only, which REST framework's parsers do not use. A body that comes in
    chunks is refused too: Django reads no further than Content-Length, so it would be taken for none.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if is_api(request.path_info):
            if "HTTP_TRANSFER_ENCODING" in request.META and request.method not in _WITHOUT_BODY:
                return error_response(request, HTTPStatus.LENGTH_REQUIRED)
            length = request.META.get("CONTENT_LENGTH") or ""
            most = body_limit(request.path_info)
            if length.isdecimal() and int(length[:20]) > most:
                return error_response(request, 413, message=f"The body may have at most {most} bytes here.")
        return self.get_response(request)


def body_limit(path: str) -> int:
    """The most bytes a body may have at this path: the first line of the table that fits it, or the limit of all."""
    fitting = (most for prefix, most in settings.BODY_LIMIT_ROUTES if path.startswith(prefix))
    return min(next(fitting, settings.DATA_UPLOAD_MAX_MEMORY_SIZE), settings.DATA_UPLOAD_MAX_MEMORY_SIZE)


class KeepMethodRedirect(HttpResponsePermanentRedirect):
    """308 instead of 301: a POST to an address without its last slash arrives as a POST, with its body."""

    status_code = 308


class SlashMiddleware(CommonMiddleware):
    """Django's CommonMiddleware; adds the missing last slash of an address for every method alike."""

    response_redirect_class = KeepMethodRedirect

    def get_full_path_with_slash(self, request: HttpRequest) -> str:
        return escape_leading_slashes(request.get_full_path(force_append_slash=True))


def _request_id(request: HttpRequest) -> str:
    """The client's id where it is one word of harmless characters; otherwise a new UUID."""
    given = request.headers.get("X-Request-ID", "")
    return given if REQUEST_ID.fullmatch(given) else str(uuid.uuid4())


def _route(request: HttpRequest) -> str | None:
    """The URL pattern, as ``api/movies/<int:movie_id>/``; None where no pattern matched."""
    match = request.resolver_match
    return match.route if match is not None else None


def _user_id(request: HttpRequest) -> int | None:
    """Who it was: by access token in the API; by session in the admin, if the view asked for it. Runs no query."""
    if (user_id := token_user_id(request)) is not None:
        return user_id
    return getattr(getattr(request, "_cached_user", None), "pk", None)

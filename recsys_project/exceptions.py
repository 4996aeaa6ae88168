"""The one error shape of the API: ``{"error": {"code", "message", "fields", "request_id"}}``.

``exception_handler`` shapes what a REST view raises; the ``handler…`` views shape what Django answers by itself (an
unknown address, a bad host, a crash). Pages outside the API keep Django's HTML.
"""

import sys
from collections.abc import Callable, Iterator, Mapping
from http import HTTPStatus
from itertools import islice
from typing import Any

import redis.exceptions
import structlog
from django.core.exceptions import (
    NON_FIELD_ERRORS,
    PermissionDenied,
    RequestDataTooBig,
    SuspiciousOperation,
    TooManyFieldsSent,
    ValidationError,
)
from django.db import DataError, IntegrityError, InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponseBase, JsonResponse, UnreadablePostError
from django.views import defaults
from django_redis.exceptions import ConnectionInterrupted
from rest_framework import exceptions as drf
from rest_framework.response import Response
from rest_framework.settings import api_settings

from accounts.hashers import HashingBusyError
from accounts.models import User

logger = structlog.get_logger(__name__)

API_PREFIXES = ("/api/", "/health/", "/metrics")
# Errors that say a service behind this one is away or busy: the same request may succeed in a moment.
UNAVAILABLE = (
    OperationalError,
    InterfaceError,
    ConnectionInterrupted,
    redis.exceptions.ConnectionError,
    redis.exceptions.TimeoutError,
    HashingBusyError,
)
RETRY_AFTER_SECONDS = 5
# An answer never grows with what is wrong with a request: so many errors, each in so many characters, and the name of
# a field in so many.
MAX_ERRORS = 20
MAX_MESSAGE = 300
MAX_NAME = 200


class LimitExceededError(Exception):
    """A request is over a rate and may come again after ``retry_after`` seconds; or, with ``store_away``, nobody can
    tell, and what must not be tried for free waits."""

    def __init__(self, retry_after: int, *, store_unavailable: bool = False) -> None:
        seconds = "1 second" if retry_after == 1 else f"{retry_after} seconds"
        super().__init__(f"Too many requests; try again in {seconds}.")
        self.retry_after = retry_after
        self.store_unavailable = store_unavailable

    @property
    def status(self) -> int:
        return HTTPStatus.SERVICE_UNAVAILABLE if self.store_unavailable else HTTPStatus.TOO_MANY_REQUESTS


# What a status means where nothing more exact is known: the code for programs, the sentence for people.
_BY_STATUS = {
    400: ("bad_request", "The request could not be understood."),
    401: ("not_authenticated", "Sign in first."),
    403: ("permission_denied", "You may not do this."),
    404: ("not_found", "There is nothing at this address."),
    405: ("method_not_allowed", "This address does not answer to this method."),
    406: ("not_acceptable", "The API speaks JSON only."),
    409: ("conflict", "The change does not fit what is stored."),
    411: ("length_required", "Send the body with a Content-Length, and not in chunks."),
    413: ("payload_too_large", "The request's body is too large."),
    415: ("unsupported_media_type", "The request's body is of a type that this address does not read."),
    429: ("rate_limited", "Too many requests."),
    500: ("internal_error", "Something went wrong on our side; the request id finds it in the logs."),
    503: ("service_unavailable", "A service this request needs is away; try again shortly."),
}
# Headers of a plain error response that say something to the client and outlive its reshaping.
_KEPT_HEADERS = ("Allow", "Retry-After", "WWW-Authenticate")


class InvalidFieldsError(drf.ValidationError):
    """400 for these fields, each with its message, and for ``left_out`` more that nobody put into words."""

    def __init__(self, fields: Mapping[str, str], left_out: int = 0) -> None:
        super().__init__({name: [message] for name, message in fields.items()})
        self.left_out = left_out


def is_api(path: str) -> bool:
    """Whether errors at this path (``path_info``: wherever the site stands) are JSON: the API and the endpoints of
    machines, but not the pages."""
    return path.startswith(API_PREFIXES) or path == "/api"


def error_body(
    request: Any, *, code: str, message: str, fields: dict[str, list[str]] | None = None
) -> dict[str, dict[str, Any]]:
    """The error shape; ``request`` is Django's, and lends its request id. Long texts are cut."""
    return {
        "error": {
            "code": code,
            "message": _printable(_cut(message, MAX_MESSAGE)),
            "fields": {
                _printable(_cut(name, MAX_NAME)): [_printable(_cut(text, MAX_MESSAGE)) for text in messages]
                for name, messages in (fields or {}).items()
            },
            "request_id": getattr(request, "request_id", ""),
        }
    }


def error_response(
    request: HttpRequest,
    status: int,
    *,
    code: str = "",
    message: str = "",
    fields: dict[str, list[str]] | None = None,
    retry_after: int | None = None,
) -> JsonResponse:
    """An error outside REST views; code and message default to what the status means."""
    default_code, default_message = _BY_STATUS.get(status) or (
        HTTPStatus(status).name.lower(),
        f"{HTTPStatus(status).phrase}.",
    )
    body = error_body(request, code=code or default_code, message=message or default_message, fields=fields)
    response = JsonResponse(body, status=status)
    response.headers["Content-Length"] = str(len(response.content))
    if retry_after is None and status == HTTPStatus.SERVICE_UNAVAILABLE:
        retry_after = RETRY_AFTER_SECONDS
    if retry_after is not None:
        response["Retry-After"] = str(retry_after)
    return response


def shaped(request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
    """``response``, or, where it is an API's error in any other form than JSON, the same status in the error shape."""
    if response.status_code < 400 or not is_api(request.path_info):
        return response
    if response.headers.get("Content-Type", "").startswith("application/json"):
        return response
    replacement = error_response(request, response.status_code)
    for name in _KEPT_HEADERS:
        if name in response.headers:
            replacement[name] = response.headers[name]
    replacement.cookies = response.cookies
    response.close()
    return replacement


def validation_response(request: HttpRequest, error: drf.ValidationError) -> JsonResponse:
    """A ValidationError outside REST views, as ``exception_handler`` shapes it inside."""
    code, message, fields = _describe(error)
    return error_response(request, HTTPStatus.BAD_REQUEST, code=code, message=message, fields=fields)


def _cut(text: str, most: int) -> str:
    """``text`` in ``most`` characters at the most: messages quote what was sent, which may be long."""
    return text if len(text) <= most else f"{text[: most - 1]}…"


def _printable(text: str) -> str:
    """``text`` with half a surrogate pair, which messages quote from bad requests and JSON cannot carry, spelt out."""
    return text.encode(errors="backslashreplace").decode()


# --- REST views --------------------------------------------------------------------------------------


def exception_handler(exc: Exception, context: dict[str, Any]) -> Response | None:
    """The response for what a REST view raised; None for a crash, which Django logs and ``server_error`` shapes."""
    request = getattr(context.get("request"), "_request", None)
    known = _as_api_exception(exc)
    if known is None:
        return None
    if isinstance(exc, User.DoesNotExist):
        known.auth_header = context["view"].get_authenticate_header(context["request"])  # type: ignore[attr-defined]
    if known.status_code >= 500:
        logger.error("request_unavailable", error=type(exc).__name__, exc_info=exc)
    elif isinstance(exc, DataError | IntegrityError):
        logger.warning("request_refused_by_database", error=type(exc).__name__, exc_info=exc)
    code, message, fields = _describe(known)
    return Response(
        error_body(request, code=code, message=message, fields=fields),
        status=known.status_code,
        headers=_headers(known),
    )


def _as_api_exception(exc: Exception) -> drf.APIException | None:
    """The REST exception that stands for ``exc``, or None where it is a crash."""
    if isinstance(exc, drf.APIException):
        return exc
    for kind, counterpart in _COUNTERPARTS:
        if isinstance(exc, kind):
            return counterpart(exc)
    status = _status_of(exc)
    if status == HTTPStatus.INTERNAL_SERVER_ERROR:
        return None
    known = drf.APIException(detail=_BY_STATUS[status][1], code=_BY_STATUS[status][0])
    known.status_code = status
    return known


def _limited(exc: LimitExceededError) -> drf.APIException:
    known = drf.APIException(detail=_BY_STATUS[exc.status][1] if exc.store_unavailable else str(exc))
    known.status_code = exc.status
    known.wait = exc.retry_after  # type: ignore[attr-defined]  # As drf.Throttled has it.
    return known


def _gone(exc: Exception) -> drf.APIException:
    """A request outran the deletion of the person it was for; to authenticate now would fail in the same words."""
    return drf.AuthenticationFailed("User not found", code="user_not_found")


_COUNTERPARTS: tuple[tuple[type[Exception], Callable[[Any], drf.APIException]], ...] = (
    (ValidationError, lambda exc: drf.ValidationError(_validation_detail(exc))),
    (Http404, lambda exc: drf.NotFound()),
    (PermissionDenied, lambda exc: drf.PermissionDenied()),
    (LimitExceededError, _limited),
    (User.DoesNotExist, _gone),
)


def _status_of(exc: BaseException | None) -> int:
    """The HTTP status for an exception that knows nothing of HTTP."""
    if isinstance(exc, UNAVAILABLE):
        return HTTPStatus.SERVICE_UNAVAILABLE
    if isinstance(exc, RequestDataTooBig | TooManyFieldsSent):
        return HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    # A value that PostgreSQL cannot hold (a NUL byte, half a surrogate pair, a number out of its type's range), or a
    # client that hung up before it had sent all of its body.
    if isinstance(exc, DataError | SuspiciousOperation | UnicodeError | UnreadablePostError):
        return HTTPStatus.BAD_REQUEST
    if isinstance(exc, IntegrityError):
        return HTTPStatus.CONFLICT
    return HTTPStatus.INTERNAL_SERVER_ERROR


def _validation_detail(exc: ValidationError) -> dict[str, list[str]]:
    """Field names and messages of Django's ValidationError, its general errors under DRF's name for them."""
    if hasattr(exc, "error_dict"):
        general = api_settings.NON_FIELD_ERRORS_KEY
        return {(general if key == NON_FIELD_ERRORS else key): value for key, value in exc.message_dict.items()}
    return {api_settings.NON_FIELD_ERRORS_KEY: exc.messages}


def _describe(exc: drf.APIException) -> tuple[str, str, dict[str, list[str]]]:
    """``(code, message, fields)`` of a REST exception; of a ValidationError the first MAX_ERRORS, the rest counted."""
    if isinstance(exc, drf.ValidationError):
        fields: dict[str, list[str]] = {}
        errors = _flatten(exc.detail)
        for name, message in islice(errors, MAX_ERRORS):
            fields.setdefault(name, []).append(message)
        left_out = sum(1 for _ in errors) + getattr(exc, "left_out", 0)
        general = fields.get(api_settings.NON_FIELD_ERRORS_KEY)
        message = general[0] if general else f"Not valid: {', '.join(fields)}."
        if left_out:
            message = f"{_cut(message, MAX_MESSAGE - 40)} {left_out} more errors are left out."
        return "validation_error", message, fields
    detail: Any = exc.detail
    code = None
    if isinstance(detail, dict):  # simplejwt's errors carry their code and message in a dictionary.
        code, detail = detail.get("code"), detail.get("detail", "")
    code = str(code or getattr(detail, "code", None) or exc.default_code)
    if exc.status_code in (405, 415, 429, 503):
        code = _BY_STATUS[exc.status_code][0]
    return code, str(detail), {}


def _flatten(detail: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """``(field, message)`` pairs of DRF's nested error detail; nested names are joined by dots: ``events.3.movie``."""
    if isinstance(detail, dict):
        for key, value in detail.items():
            yield from _flatten(value, f"{path}.{key}" if path else str(key))
    elif isinstance(detail, list):
        for position, value in enumerate(detail):
            nested = isinstance(value, dict | list)
            yield from _flatten(value, f"{path}.{position}".lstrip(".") if nested else path)
    else:
        yield path or api_settings.NON_FIELD_ERRORS_KEY, str(detail)


def _headers(exc: drf.APIException) -> dict[str, str]:
    headers = {}
    if auth_header := getattr(exc, "auth_header", None):
        headers["WWW-Authenticate"] = auth_header
    if (wait := getattr(exc, "wait", None)) is not None:
        headers["Retry-After"] = str(max(1, int(wait)))
    elif exc.status_code == HTTPStatus.SERVICE_UNAVAILABLE:
        headers["Retry-After"] = str(RETRY_AFTER_SECONDS)
    return headers


# --- Django's own errors -----------------------------------------------------------------------------


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponseBase:
    """400, or 413 for a body over the limit."""
    if not is_api(request.path_info):
        return defaults.bad_request(request, exception)
    status = _status_of(exception)
    return error_response(request, HTTPStatus.BAD_REQUEST if status >= 500 else status)


def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponseBase:
    if not is_api(request.path_info):
        return defaults.permission_denied(request, exception)
    return error_response(request, HTTPStatus.FORBIDDEN)


def page_not_found(request: HttpRequest, exception: Exception) -> HttpResponseBase:
    if not is_api(request.path_info):
        return defaults.page_not_found(request, exception)
    return error_response(request, HTTPStatus.NOT_FOUND)


def server_error(request: HttpRequest) -> HttpResponseBase:
    """500, or 503 with Retry-After where the database or Redis is away. Django has logged the traceback."""
    status = HTTPStatus.SERVICE_UNAVAILABLE if isinstance(sys.exc_info()[1], UNAVAILABLE) else 500
    if not is_api(request.path_info):
        response = defaults.server_error(request)
        response.status_code = status
        return response
    return error_response(request, status)


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponseBase:
    if not is_api(request.path_info):
        from django.views.csrf import csrf_failure as html  # noqa: PLC0415 -- it reads settings when imported.

        return html(request, reason=reason)
    return error_response(request, HTTPStatus.FORBIDDEN, code="csrf_failed", message="The CSRF check failed.")

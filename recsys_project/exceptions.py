"""The one error shape of the API: ``{"error": {"code", "message", "fields", "request_id"}}``.

``exception_handler`` formats exceptions of REST views; the ``handler…`` views format Django's own errors (an unknown
URL, a bad host, a crash). Pages outside the API keep Django's HTML.
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

from accounts.clients.keys import ClientCaller
from accounts.hashers import HashingBusyError
from accounts.models import User
from accounts.privacy.pausing import PersonalisationPausedError

logger = structlog.get_logger(__name__)

API_PREFIXES = ("/api/", "/health/", "/metrics")
# Errors of a service that is unavailable or busy: a retry may succeed.
UNAVAILABLE = (
    OperationalError,
    InterfaceError,
    ConnectionInterrupted,
    redis.exceptions.ConnectionError,
    redis.exceptions.TimeoutError,
    HashingBusyError,
)
RETRY_AFTER_SECONDS = 5
# The size of an error response is limited: the number of errors, and the characters of a message and a field name.
MAX_ERRORS = 20
MAX_MESSAGE = 300
MAX_NAME = 200


class LimitExceededError(Exception):
    """A rate limit is exceeded; the client may retry after ``retry_after`` seconds.

    With ``store_unavailable``, the request could not be counted and its scope does not allow uncounted requests.
    """

    def __init__(self, retry_after: int, *, store_unavailable: bool = False) -> None:
        seconds = "1 second" if retry_after == 1 else f"{retry_after} seconds"
        super().__init__(f"Too many requests; try again in {seconds}.")
        self.retry_after = retry_after
        self.store_unavailable = store_unavailable

    @property
    def status(self) -> int:
        return HTTPStatus.SERVICE_UNAVAILABLE if self.store_unavailable else HTTPStatus.TOO_MANY_REQUESTS


# Default (code, message) by status.
_BY_STATUS = {
    400: ("bad_request", "The request could not be understood."),
    401: ("not_authenticated", "Sign in first."),
    403: ("permission_denied", "You may not do this."),
    404: ("not_found", "There is nothing at this address."),
    405: ("method_not_allowed", "This address does not support this method."),
    406: ("not_acceptable", "The API speaks JSON only."),
    409: ("conflict", "The change does not fit what is stored."),
    411: ("length_required", "Send the body with a Content-Length, and not in chunks."),
    413: ("payload_too_large", "The request's body is too large."),
    415: ("unsupported_media_type", "The request's body is of a type that this address does not read."),
    429: ("rate_limited", "Too many requests."),
    500: ("internal_error", "Something went wrong on our side; the request id finds it in the logs."),
    503: ("service_unavailable", "A service this request needs is unavailable; try again shortly."),
}
# The scopes of a key decide whether it is enough (403 if not).
_NOT_AUTHENTICATED = "Send the header Authorization: Bearer ACCESS_TOKEN, or Api-Key KEY where keys are accepted."
# Headers that are kept when an error response is converted to JSON.
_KEPT_HEADERS = ("Allow", "Retry-After", "WWW-Authenticate")


class InvalidFieldsError(drf.ValidationError):
    """400 with a message for each field; ``left_out`` counts further errors without a message."""

    def __init__(self, fields: Mapping[str, str], left_out: int = 0) -> None:
        super().__init__({name: [message] for name, message in fields.items()})
        self.left_out = left_out


def is_api(path: str) -> bool:
    """Whether errors at this path (``path_info``) are JSON: in the API and the endpoints for machines, not on pages."""
    return path.startswith(API_PREFIXES) or path == "/api"


def error_body(
    request: Any, *, code: str, message: str, fields: dict[str, list[str]] | None = None
) -> dict[str, dict[str, Any]]:
    """The body of an error. ``request`` is Django's, for its request id. Long texts are truncated."""
    return {
        "error": {
            "code": code,
            "message": _printable(_truncated(message, MAX_MESSAGE)),
            "fields": {
                _printable(_truncated(name, MAX_NAME)): [_printable(_truncated(text, MAX_MESSAGE)) for text in messages]
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
    """An error response outside REST views; code and message default to those of the status."""
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


def with_error_shape(request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
    """Returns the response, or, for an API error that is not JSON, the same status in the error shape."""
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
    """The response for a ValidationError outside REST views, in the same form as ``exception_handler``."""
    code, message, fields = _describe(error)
    return error_response(request, HTTPStatus.BAD_REQUEST, code=code, message=message, fields=fields)


def _truncated(text: str, limit: int) -> str:
    """Truncates ``text`` to ``limit`` characters: messages quote the request, which may be long."""
    return text if len(text) <= limit else f"{text[: limit - 1]}…"


def _printable(text: str) -> str:
    """Escapes lone surrogates, which messages may quote from bad requests and JSON cannot encode."""
    return text.encode(errors="backslashreplace").decode()


# --- REST views --------------------------------------------------------------------------------------


def exception_handler(exc: Exception, context: dict[str, Any]) -> Response | None:
    """The response for an exception of a REST view; None for a crash, which ``server_error`` formats."""
    request = getattr(context.get("request"), "_request", None)
    has_key = isinstance(getattr(context.get("request"), "auth", None), ClientCaller)
    known = _client_user_deleted() if has_key and isinstance(exc, User.DoesNotExist) else _as_api_exception(exc)
    if known is None:
        return None
    if isinstance(known, drf.NotAuthenticated):
        known.detail = drf.ErrorDetail(_NOT_AUTHENTICATED, code=known.default_code)
    elif isinstance(known, drf.UnsupportedMediaType):
        read = " or ".join(parser.media_type for parser in context["view"].get_parsers())
        known.detail = drf.ErrorDetail(f"Send the body as {read}, with this Content-Type.", code=known.default_code)
    if isinstance(exc, User.DoesNotExist) and not has_key:
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
    """The REST exception that corresponds to ``exc``, or None if it is a crash."""
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
    known.wait = exc.retry_after  # type: ignore[attr-defined]  # The same attribute as drf.Throttled.
    return known


def _user_deleted(exc: Exception) -> drf.APIException:
    """The user was deleted during the request; the error is the one that authentication would raise now."""
    return drf.AuthenticationFailed("This account does not exist any more.", code="user_not_found")


def _client_user_deleted() -> drf.APIException:
    """The user whom a client application named was deleted during the request; its key is still valid."""
    known = drf.APIException("This user was deleted during the request.", code="conflict")
    known.status_code = HTTPStatus.CONFLICT
    return known


def _paused(exc: Exception) -> drf.APIException:
    known = drf.APIException(
        "You have paused personalisation, so nothing is recorded; end the pause first.", code="personalisation_paused"
    )
    known.status_code = HTTPStatus.CONFLICT
    return known


_COUNTERPARTS: tuple[tuple[type[Exception], Callable[[Any], drf.APIException]], ...] = (
    (ValidationError, lambda exc: drf.ValidationError(_validation_detail(exc))),
    (Http404, lambda exc: drf.NotFound()),
    (PermissionDenied, lambda exc: drf.PermissionDenied()),
    (LimitExceededError, _limited),
    (User.DoesNotExist, _user_deleted),
    (PersonalisationPausedError, _paused),
)


def _status_of(exc: BaseException | None) -> int:
    """The HTTP status for an exception that is not an HTTP error."""
    if isinstance(exc, UNAVAILABLE):
        return HTTPStatus.SERVICE_UNAVAILABLE
    if isinstance(exc, RequestDataTooBig | TooManyFieldsSent):
        return HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    # A value that PostgreSQL cannot store (a NUL byte, a lone surrogate, a number out of range), or a client that
    # disconnected before it had sent its body.
    if isinstance(exc, DataError | SuspiciousOperation | UnicodeError | UnreadablePostError):
        return HTTPStatus.BAD_REQUEST
    if isinstance(exc, IntegrityError):
        return HTTPStatus.CONFLICT
    return HTTPStatus.INTERNAL_SERVER_ERROR


def _validation_detail(exc: ValidationError) -> dict[str, list[str]]:
    """Messages of Django's ValidationError by field, with general errors under DRF's key for them."""
    if hasattr(exc, "error_dict"):
        general = api_settings.NON_FIELD_ERRORS_KEY
        return {(general if key == NON_FIELD_ERRORS else key): value for key, value in exc.message_dict.items()}
    return {api_settings.NON_FIELD_ERRORS_KEY: exc.messages}


def _describe(exc: drf.APIException) -> tuple[str, str, dict[str, list[str]]]:
    """``(code, message, fields)`` of a REST exception; a ValidationError has MAX_ERRORS fields at most."""
    if isinstance(exc, drf.ValidationError):
        fields: dict[str, list[str]] = {}
        errors = _flatten(exc.detail)
        for name, message in islice(errors, MAX_ERRORS):
            fields.setdefault(name, []).append(message)
        left_out = sum(1 for _ in errors) + getattr(exc, "left_out", 0)
        general = fields.get(api_settings.NON_FIELD_ERRORS_KEY)
        message = general[0] if general else f"Not valid: {', '.join(fields)}."
        if left_out:
            message = f"{_truncated(message, MAX_MESSAGE - 40)} {left_out} more errors are left out."
        return "validation_error", message, fields
    detail: Any = exc.detail
    code = None
    if isinstance(detail, dict):  # simplejwt's errors have their code and message in a dictionary.
        code, detail = detail.get("code"), detail.get("detail", "")
    code = str(code or getattr(detail, "code", None) or exc.default_code)
    if exc.status_code in (405, 415, 429, 503):
        code = _BY_STATUS[exc.status_code][0]
    return code, str(detail), getattr(exc, "error_fields", {})


def _flatten(detail: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Yields ``(field, message)`` pairs of DRF's nested error detail, with dotted names: ``events.3.movie``."""
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
    """500, or 503 with Retry-After if the database or Redis is unavailable. Django has logged the traceback."""
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

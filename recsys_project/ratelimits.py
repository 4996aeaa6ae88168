"""Rate limits by route: token buckets, and django-ratelimit's windows where a quota for a span of time is meant.

``settings.RATE_LIMIT_ROUTES`` maps routes to scopes, and ``settings.RATE_LIMITS`` sets the rates of each limit:
``300/m:50`` is a bucket (recsys_project.token_bucket), ``30/h`` a window. All buckets of a request are one round trip
to Redis, and each window is one. docs/adr/0012 says why there are both.
"""

from collections.abc import Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

from django.conf import settings
from django.contrib.auth.backends import ModelBackend
from django.core.checks import Error
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django_ratelimit.core import get_usage, rate_re

from accounts.authentication import token_user_id
from accounts.clients.keys import client_caller
from accounts.hashers import HashingBusyError
from accounts.models import User
from accounts.signins import renewed
from accounts.totp import code_accepted
from recsys_project import known_devices, login_gate
from recsys_project.client_address import client_network
from recsys_project.exceptions import RETRY_AFTER_SECONDS, LimitExceededError, error_response, is_api
from recsys_project.metrics.refusals import LOGINS_REFUSED, RATE_LIMITED, count_store_away
from recsys_project.middleware import GetResponse
from recsys_project.token_bucket import Bucket, BucketState, give_back_tokens, parse_bucket_rate, take_tokens

# Limits of the whole site: over them it is busy, and no client has done too much.
_SITE_LIMITS = {"login_total"}
_USAGES = "_rate_limit_usages"
_SIGNED_IN = "_signed_in_account"
# The request that the middleware works on, for the password backend, to which not every caller passes it.
_request: ContextVar[HttpRequest | None] = ContextVar("request", default=None)


class SiteBusyError(LimitExceededError):
    """A limit of the whole site is exceeded; the response is 503, since the client has not done too much."""

    def __init__(self, retry_after: int) -> None:
        super().__init__(retry_after, store_unavailable=True)


@dataclass(frozen=True)
class Counter:
    """Whom a limit counts. ``rates``: those of one key or client; without any, ``settings.RATE_LIMITS[name]``."""

    name: str
    key: str
    rates: Sequence[str] = ()

    def all_rates(self) -> Sequence[str]:
        return self.rates or settings.RATE_LIMITS[self.name]


@dataclass(frozen=True)
class Usage:
    """What is left of one rate: ``remaining`` of ``quota`` in ``window`` seconds, whole again in ``reset`` seconds."""

    policy: str
    quota: int
    window: int
    remaining: int
    reset: int


@dataclass
class Count:
    """The result of counting: what is left, and the error if a rate is exceeded."""

    usages: list[Usage] = field(default_factory=list)
    error: LimitExceededError | None = None


def check_rates(app_configs: Any, **kwargs: Any) -> list[Error]:
    """A system check that all rates have a known form, so that a wrong setting is found at startup."""
    return [
        Error(f"RATE_LIMIT_{name.upper()}: {rate!r} is not a rate like 300/m:50 or 30/h.", id="recsys_project.E001")
        for name, rates in settings.RATE_LIMITS.items()
        for rate in rates
        if parse_bucket_rate(rate) is None and (not rate_re.fullmatch(rate) or rate.partition("/")[2].startswith("0"))
    ]


class RateLimitMiddleware:
    """Answers requests over their scope's rate with 429. Without Redis, refuses sign-ins with 503, allows the rest.

    Also answers 503 at once to a sign-in for which the process has no thread left (recsys_project.login_gate).
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        current = _request.set(request)
        renewal = renewed.set("")
        try:
            response = self.get_response(request)
            if renewing := renewed.get():
                remember_sign_in(request, account=renewing)
            # No view was found, or another middleware answered before process_view.
            if not hasattr(request, _USAGES) and (refusal := _refusal(request)) is not None:
                response.close()
                response = refusal
        finally:
            login_gate.leave(request)
            _request.reset(current)
            renewed.reset(renewal)
        _add_headers(response, getattr(request, _USAGES, ()))
        if (account := getattr(request, _SIGNED_IN, None)) is not None:
            known_devices.set_device_cookie(response, account)
        return response

    def process_view(self, request: HttpRequest, view: Any, args: Any, kwargs: Any) -> HttpResponseBase | None:
        if _scope(request) in settings.LOGIN_SCOPES and not login_gate.enter(request):
            setattr(request, _USAGES, [])
            return _refused(request, SiteBusyError(1))
        return _refusal(request)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponseBase | None:
        """The response of a page whose view exceeded a rate. REST views handle it themselves."""
        return _refused(request, exception) if isinstance(exception, LimitExceededError) else None


class LimitedLoginBackend(ModelBackend):
    """Django's password backend, which first counts the attempt for the account.

    It counts the parsed user name that it looks up, so the two cannot differ. The API and the admin share the limit,
    and no password is hashed beyond it. A right password is not counted in the account's bucket, unless a code that has
    to come with it is wrong. A device or address
    that is known to the account has a limit of its own, so that strangers cannot lock the account's person out.
    """

    def authenticate(
        self, request: HttpRequest | None, username: str | None = None, password: str | None = None, **kwargs: Any
    ) -> User | None:
        """The user, or None. Raises LimitExceededError after too many attempts for the account."""
        username = kwargs.get(User.USERNAME_FIELD) if username is None else username
        if username is None or password is None or not settings.RATELIMIT_ENABLE:
            return self._verified(request, username, password, kwargs)
        request = _request.get() or request  # REST framework wraps the request that the middleware knows.
        account = User.objects.normalize_email(username)
        counters = _account_counters(request, account)
        counted = _count(counters, closed=True)
        if counted.error is not None:
            LOGINS_REFUSED.labels("limit").inc()
            raise counted.error
        try:
            user = self._verified(request, username, password, kwargs)
        except HashingBusyError:
            LOGINS_REFUSED.labels("busy").inc()
            _give_back(counters)
            raise
        if user is not None:
            _give_back(counters)
            remember_sign_in(request, account=account)
        return user

    def _verified(
        self, request: HttpRequest | None, username: str | None, password: str | None, credentials: dict[str, Any]
    ) -> User | None:
        """The user with this password and, if the form asks for one (the admin's), this code of a second factor."""
        user = super().authenticate(request, username=username, password=password)
        if user is None:
            LOGINS_REFUSED.labels("credentials").inc()
        if user is not None and "otp_token" in credentials:
            # A device that is known to the account guesses no more codes than a stranger.
            guesses = [Counter("login_account", f"code of user {user.pk}")]
            count_all(guesses, closed=True)
            if not code_accepted(user=user, code=credentials["otp_token"]):
                LOGINS_REFUSED.labels("code").inc()
                return None
            _give_back(guesses)
        return user


def remember_sign_in(request: HttpRequest | None, *, account: str) -> None:
    """Makes the request's device and address known to the account, which has just signed in or renewed its tokens."""
    digest = known_devices.account_digest(User.objects.normalize_email(account))
    if request is not None:
        setattr(request, _SIGNED_IN, digest)
        known_devices.remember_address(digest, client_network(request))


def limit(request: HttpRequest) -> None:
    """Counts the request. Raises LimitExceededError if it exceeds a rate of its scope."""
    scope = _scope(request)
    counters = [] if scope is None else _counters(request, scope)
    counted = _count(counters, closed=scope in settings.RATE_LIMIT_CLOSED_SCOPES)
    setattr(request, _USAGES, counted.usages)
    if counted.error is not None:
        raise counted.error


def count(name: str, key: str, *, closed: bool, rates: Sequence[str] = ()) -> None:
    """Counts ``key`` for each of ``rates`` or, without any, each rate called ``name``; see ``count_all``."""
    count_all([Counter(name, key, rates)], closed=closed)


def count_all(counters: Sequence[Counter], *, closed: bool) -> None:
    """Counts for all rates of all counters. Raises LimitExceededError if one is exceeded.

    If a bucket is empty, none is counted. If Redis is unavailable, raises the error too if ``closed``, and otherwise
    allows the request without counting.
    """
    error = _count(counters, closed=closed).error
    if error is not None:
        raise error


def _count(counters: Sequence[Counter], *, closed: bool) -> Count:
    if not settings.RATELIMIT_ENABLE:
        return Count()
    unavailable = Count(error=LimitExceededError(RETRY_AFTER_SECONDS, store_unavailable=True) if closed else None)
    counted = Count()
    buckets = _buckets(counters)
    if buckets:
        result = take_tokens(buckets)
        if result is None:
            count_store_away(unavailable.error)
            return unavailable
        taken, states = result
        counted.usages += [_bucket_usage(state, counters) for state in states]
        if not taken:
            counted.error = _bucket_error(states)
            return counted
    for counter in counters:
        for rate in counter.all_rates():
            if parse_bucket_rate(rate) is None and not _count_window(counter, rate, counted):
                count_store_away(unavailable.error)
                return unavailable
            if counted.error is not None:
                return counted
    return counted


def _count_window(counter: Counter, rate: str, counted: Count) -> bool:
    """Counts in a window of django-ratelimit and adds the result to ``counted``; False if Redis is unavailable."""
    # JSON can hold a lone surrogate, which cannot be encoded in a key.
    key = counter.key.encode(errors="backslashreplace").decode()
    usage = get_usage(None, group=counter.name, key=lambda _group, _request: key, rate=rate, increment=True)
    if usage["limit"] == 0 and usage["time_left"] < 0:  # How django-ratelimit reports an unavailable cache.
        return False
    window = _window_seconds(rate)
    left = max(0, usage["limit"] - usage["count"])
    counted.usages.append(Usage(_policy(counter, window), usage["limit"], window, left, max(0, usage["time_left"])))
    if usage["should_limit"]:
        RATE_LIMITED.labels(counter.name).inc()
        kind = SiteBusyError if counter.name in _SITE_LIMITS else LimitExceededError
        counted.error = kind(max(1, usage["time_left"]))
    return True


def _buckets(counters: Sequence[Counter]) -> list[Bucket]:
    """The buckets of the counters, without their windows."""
    return [
        Bucket(counter.name, counter.key, rate)
        for counter in counters
        for text in counter.all_rates()
        if (rate := parse_bucket_rate(text)) is not None
    ]


def _bucket_usage(state: BucketState, counters: Sequence[Counter]) -> Usage:
    rate = state.bucket.rate
    counter = next(one for one in counters if one.name == state.bucket.name)
    return Usage(_policy(counter, rate.fill_seconds), rate.burst, rate.fill_seconds, state.remaining, state.reset)


def _bucket_error(states: Sequence[BucketState]) -> LimitExceededError:
    empty = [state for state in states if state.wait > 0]
    for name in {state.bucket.name for state in empty}:
        RATE_LIMITED.labels(name).inc()
    kind = SiteBusyError if all(state.bucket.name in _SITE_LIMITS for state in empty) else LimitExceededError
    return kind(max([1, *(state.wait for state in empty)]))


def _policy(counter: Counter, window: int) -> str:
    """The name of a rate in the headers; rates of one limit differ by their window."""
    return counter.name if len(counter.all_rates()) == 1 else f"{counter.name}-{window}s"


def _window_seconds(rate: str) -> int:
    match = rate_re.fullmatch(rate)
    assert match is not None  # noqa: S101 -- the system check has refused it.
    return int(match[2] or 1) * {"s": 1, "m": 60, "h": 3600, "d": 86_400}[(match[3] or "s").lower()]


def _give_back(counters: Sequence[Counter]) -> None:
    """Undoes the count of an attempt that was no wrong guess, for the account alone: the others limit work."""
    if buckets := _buckets([counter for counter in counters if counter.name == "login_account"]):
        give_back_tokens(buckets)


def _add_headers(response: HttpResponseBase, usages: Sequence[Usage]) -> None:
    """RateLimit and RateLimit-Policy as in draft-ietf-httpapi-ratelimit-headers-10."""
    if usages:
        response["RateLimit-Policy"] = ", ".join(f'"{one.policy}";q={one.quota};w={one.window}' for one in usages)
        response["RateLimit"] = ", ".join(f'"{one.policy}";r={one.remaining};t={one.reset}' for one in usages)


def _refusal(request: HttpRequest) -> HttpResponseBase | None:
    """Counts the request; returns the response that refuses it, or None."""
    try:
        limit(request)
    except LimitExceededError as error:
        return _refused(request, error)
    return None


def _refused(request: HttpRequest, error: LimitExceededError) -> HttpResponseBase:
    """The error shape in the API, else an HTML page; both with Retry-After."""
    if is_api(request.path_info):
        message = "" if error.store_unavailable else str(error)
        return error_response(request, error.status, message=message, retry_after=error.retry_after)
    seconds = error.retry_after
    response = render(request, f"{error.status}.html", {"retry_after": seconds}, status=error.status)
    response["Retry-After"] = str(seconds)
    return response


def _scope(request: HttpRequest) -> str | None:
    """The scope of the first entry that matches the request's method and route; None without a limit."""
    match = request.resolver_match
    route = match.route if match else request.path_info.lstrip("/")
    for methods, prefix, scope in settings.RATE_LIMIT_ROUTES:
        if route.startswith(prefix) and (methods == "*" or request.method in methods.split()):
            return scope
    return None


def _counters(request: HttpRequest, scope: str) -> list[Counter]:
    """Whom a request counts for, before its body is read.

    A sign-in is counted by address, or by the device if the account on it has signed in there before, and later by
    account (see ``_account_counters``). Registrations have a total as sign-ins have. A request for which a signed-in
    person gives their password is counted by the person. Group lists are counted by user and by address, since anyone
    can register many accounts.
    """
    network = client_network(request)
    if scope == "login":
        device = known_devices.device_account(request)
        return [Counter("login_address", network) if device is None else Counter("login_known", f"device {device}")]
    if scope == "password":
        user_id = token_user_id(request) or getattr(request.user, "pk", None)
        return [Counter("login_address", network) if user_id is None else Counter("login_known", f"session {user_id}")]
    if scope == "register":
        return [Counter(scope, network), Counter("login_total", scope)]
    if scope not in ("api", "group", "export"):
        return [Counter(scope, network)]
    return _api_counters(request, scope, network)


def _api_counters(request: HttpRequest, scope: str, network: str) -> list[Counter]:
    """Whom a request of the API counts for: a key, a person, or else an address."""
    if (caller := client_caller(request)) is not None:
        counters = [Counter("client", caller.prefix, caller.rates)]
        if scope == "export":
            match = request.resolver_match
            named = match.kwargs.get("external_id", "") if match else ""
            counters.append(Counter("export", f"client {caller.client_id} {named}"))
        return counters
    user_id = token_user_id(request)
    if user_id is None:
        return [Counter("anonymous", network)]
    counters = [Counter("user", str(user_id))]
    if scope == "export":
        counters.append(Counter("export", str(user_id)))
    elif scope == "group":
        counters += [Counter("group_address", network), Counter("group", str(user_id))]
    return counters


def _account_counters(request: HttpRequest | None, account: str) -> list[Counter]:
    """Whom an attempt at an account counts for, once its body is parsed, beside what ``_counters`` counted.

    A device that the account has used was counted there, if the request is a sign-in. An address that it has used has
    a bucket for the two. Everybody else shares the account's bucket and the site's; with the cookie of another
    account, which was counted instead of the address, the address counts here.
    """
    digest = known_devices.account_digest(account)
    network = "unknown" if request is None else client_network(request)
    device = known_devices.device_account(request)
    counters = []
    counted_before = request is not None and _scope(request) == "login"
    if device == digest:
        return [] if counted_before else [Counter("login_known", f"device {digest}")]
    if device is not None or not counted_before:
        counters = [Counter("login_address", network)]
    if known_devices.is_known_address(digest, network):
        return [*counters, Counter("login_known", f"address {digest} {network}")]
    return [*counters, Counter("login_account", account), Counter("login_total", "login")]

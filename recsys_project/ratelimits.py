"""Rate limits by route, with django-ratelimit's counters in Redis.

``settings.RATE_LIMIT_ROUTES`` maps routes to scopes, ``settings.RATE_LIMITS`` sets the rates of a scope. Each scope has
a long window and a short one for bursts, since a fixed window allows twice its rate around its boundary. Counting is
one atomic INCR per window.
"""

import ipaddress
from typing import Any

from django.conf import settings
from django.contrib.auth.backends import ModelBackend
from django.core.checks import Error
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django_ratelimit.core import get_usage, rate_re

from accounts.authentication import token_user_id
from accounts.models import User
from recsys_project.exceptions import RETRY_AFTER_SECONDS, LimitExceededError, error_response, is_api
from recsys_project.middleware import GetResponse


def check_rates(app_configs: Any, **kwargs: Any) -> list[Error]:
    """A system check that all rates have the form ``50/5s``, so that a wrong setting is found at startup."""
    return [
        Error(f"RATE_LIMIT_{name.upper()}: {rate!r} is not a rate like 50/5s or 300/m.", id="recsys_project.E001")
        for name, rates in settings.RATE_LIMITS.items()
        for rate in rates
        if not rate_re.fullmatch(rate) or rate.partition("/")[2].startswith("0")
    ]


class RateLimitMiddleware:
    """Answers requests over their scope's rate with 429. Without Redis, refuses sign-ins with 503, allows the rest."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        return self.get_response(request)

    def process_view(self, request: HttpRequest, view: Any, args: Any, kwargs: Any) -> HttpResponseBase | None:
        if not settings.RATELIMIT_ENABLE:
            return None
        try:
            limit(request)
        except LimitExceededError as error:
            return _refused(request, error)
        return None

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponseBase | None:
        """The response of a page whose view exceeded a rate. REST views handle it themselves."""
        return _refused(request, exception) if isinstance(exception, LimitExceededError) else None


class LimitedLoginBackend(ModelBackend):
    """Django's password backend, which first counts the attempt for the account.

    It counts the parsed user name that it looks up, so the two cannot differ. The API and the admin share the limit,
    and no password is hashed beyond it.
    """

    def authenticate(
        self, request: HttpRequest | None, username: str | None = None, password: str | None = None, **kwargs: Any
    ) -> User | None:
        """The user, or None. Raises LimitExceededError after too many attempts for the account."""
        username = kwargs.get(User.USERNAME_FIELD) if username is None else username
        if username is not None and password is not None:
            count("login_account", User.objects.normalize_email(username), closed=True)
        return super().authenticate(request, username=username, password=password)


def limit(request: HttpRequest) -> None:
    """Counts the request. Raises LimitExceededError if it exceeds a rate of its scope."""
    scope = _scope(request)
    if scope is not None:
        for name, key in _counters(request, scope):
            count(name, key, closed=scope in settings.RATE_LIMIT_CLOSED_SCOPES)


def count(name: str, key: str, *, closed: bool) -> None:
    """Counts ``key`` for each rate called ``name``. Raises LimitExceededError if one is exceeded.

    If Redis is unavailable, raises it too if ``closed``, and otherwise allows the request without counting.
    """
    # JSON can hold a lone surrogate, which cannot be encoded in a key.
    key = key.encode(errors="backslashreplace").decode()
    for rate in settings.RATE_LIMITS[name]:
        usage = get_usage(None, group=name, key=lambda _group, _request: key, rate=rate, increment=True)
        if usage is None or not usage["should_limit"]:
            continue
        if usage["limit"] == 0 and usage["time_left"] < 0:  # How django-ratelimit reports an unavailable cache.
            if not closed:
                return
            raise LimitExceededError(RETRY_AFTER_SECONDS, store_unavailable=True)
        raise LimitExceededError(max(1, usage["time_left"]))


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
    route = request.resolver_match.route if request.resolver_match else ""
    for methods, prefix, scope in settings.RATE_LIMIT_ROUTES:
        if route.startswith(prefix) and (methods == "*" or request.method in methods.split()):
            return scope
    return None


def _counters(request: HttpRequest, scope: str) -> list[tuple[str, str]]:
    """``(name in RATE_LIMITS, key)`` pairs of a request, in the order in which they are counted.

    A sign-in is counted by address first, so that a blocked address cannot use up an account's limit, and then by
    account (see ``LimitedLoginBackend``). This limits one address that tries many accounts and many addresses that try
    one account. A password change is counted by address and by the session's account. Group lists are counted by user
    and by address, since anyone can register many accounts.
    """
    if scope == "login":
        return [("login_address", client_network(request))]
    if scope == "password":
        account = User.objects.normalize_email(getattr(request.user, "email", None))
        return [("login_address", client_network(request)), *([("login_account", account)] if account else [])]
    if scope not in ("api", "group"):
        return [(scope, client_network(request))]
    user_id = token_user_id(request)
    if user_id is None:
        return [("anonymous", client_network(request))]
    counters = [("user", str(user_id))]
    if scope == "group":
        counters += [("group_address", client_network(request)), ("group", str(user_id))]
    return counters


def client_network(request: HttpRequest) -> str:
    """The key of a client: its IPv4 address, or its IPv6 /64 network, all of which one client can use."""
    address = client_address(request)
    if address is None:
        return "unknown"
    if address.version == 6:
        return str(ipaddress.ip_network((address, 64), strict=False).network_address)
    return str(address)


def client_address(request: HttpRequest) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """The client's address, as reported by the ``TRUSTED_PROXIES`` proxies in front of the site.

    Each proxy appends its client's address to X-Forwarded-For, so the entry at ``-TRUSTED_PROXIES`` comes from the
    outermost trusted proxy; the client may have forged the entries before it. None if the server listens on a Unix
    socket and no proxy reports an address.
    """
    direct = _parse(request.META.get("REMOTE_ADDR", ""))
    hops = settings.TRUSTED_PROXIES
    if hops <= 0:
        return direct
    forwarded = [part.strip() for part in request.META.get("HTTP_X_FORWARDED_FOR", "").split(",") if part.strip()]
    if len(forwarded) < hops:  # The request did not pass the proxies.
        return direct
    return _parse(forwarded[-hops]) or direct


def _parse(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """Parses an address as proxies write it: with or without a port, IPv6 in brackets or not; None if invalid."""
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:
        return address.ipv4_mapped
    return address

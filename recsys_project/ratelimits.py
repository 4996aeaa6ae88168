"""Rate limits by route, with django-ratelimit's counters in Redis.

``settings.RATE_LIMIT_ROUTES`` says which scope a route belongs to, ``settings.RATE_LIMITS`` how many requests a scope
may make. Each scope has two windows: a short one for bursts, since a fixed long window lets twice its rate through at
its edge, and the long one. Counting is one atomic INCR a window; nothing is read, changed and written back.
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
    """A system check: every rate reads as ``50/5s``, so that a slip in the environment shows at set-up."""
    return [
        Error(f"RATE_LIMIT_{name.upper()}: {rate!r} is not a rate like 50/5s or 300/m.", id="recsys_project.E001")
        for name, rates in settings.RATE_LIMITS.items()
        for rate in rates
        if not rate_re.fullmatch(rate) or rate.partition("/")[2].startswith("0")
    ]


class RateLimitMiddleware:
    """Refuses requests over their scope's rate with 429; with Redis away, sign-ins with 503, and lets reads through."""

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
        """The answer of a page whose view went over a rate; REST views answer for themselves."""
        return _refused(request, exception) if isinstance(exception, LimitExceededError) else None


class LimitedLoginBackend(ModelBackend):
    """Django's check of a password, which first counts a try for the very account that it will look up.

    Whatever a body looks like, by the time it gets here somebody has read it and named one account: what is counted and
    what is checked cannot differ. So the API and the admin have one limit, and no password is hashed beyond it.
    """

    def authenticate(
        self, request: HttpRequest | None, username: str | None = None, password: str | None = None, **kwargs: Any
    ) -> User | None:
        """The person, or None. Raises LimitExceededError where the account was tried too often."""
        username = kwargs.get(User.USERNAME_FIELD) if username is None else username
        if username is not None and password is not None:
            count("login_account", User.objects.normalize_email(username), closed=True)
        return super().authenticate(request, username=username, password=password)


def limit(request: HttpRequest) -> None:
    """Counts the request. Raises LimitExceededError where it is over a rate of its scope."""
    scope = _scope(request)
    if scope is not None:
        for name, key in _counters(request, scope):
            count(name, key, closed=scope in settings.RATE_LIMIT_CLOSED_SCOPES)


def count(name: str, key: str, *, closed: bool) -> None:
    """Counts ``key`` under each of the rates of that name. Raises LimitExceededError over one of them and, where it is
    ``closed``, while Redis is away; otherwise nothing is counted then."""
    # JSON can hold half a surrogate pair, which has no bytes to make a key of.
    key = key.encode(errors="backslashreplace").decode()
    for rate in settings.RATE_LIMITS[name]:
        usage = get_usage(None, group=name, key=lambda _group, _request: key, rate=rate, increment=True)
        if usage is None or not usage["should_limit"]:
            continue
        if usage["limit"] == 0 and usage["time_left"] < 0:  # django-ratelimit's word for "the cache is away".
            if not closed:
                return
            raise LimitExceededError(RETRY_AFTER_SECONDS, store_unavailable=True)
        raise LimitExceededError(max(1, usage["time_left"]))


def _refused(request: HttpRequest, error: LimitExceededError) -> HttpResponseBase:
    """The error shape in the API, a page elsewhere; both say when to come again."""
    if is_api(request.path_info):
        message = "" if error.store_unavailable else str(error)
        return error_response(request, error.status, message=message, retry_after=error.retry_after)
    seconds = error.retry_after
    response = render(request, f"{error.status}.html", {"retry_after": seconds}, status=error.status)
    response["Retry-After"] = str(seconds)
    return response


def _scope(request: HttpRequest) -> str | None:
    """The scope of the first entry of the table that fits the request's method and route; None for no limit."""
    route = request.resolver_match.route if request.resolver_match else ""
    for methods, prefix, scope in settings.RATE_LIMIT_ROUTES:
        if route.startswith(prefix) and (methods == "*" or request.method in methods.split()):
            return scope
    return None


def _counters(request: HttpRequest, scope: str) -> list[tuple[str, str]]:
    """``(name in RATE_LIMITS, what is counted)`` pairs of a request, in the order they are counted.

    A sign-in counts here by its address, so that one that is over its rate cannot use up an account's, and then by its
    account (see ``LimitedLoginBackend``): neither one address trying many accounts nor many addresses trying one
    account gets far. Who asks for one's old password to set a new one is told by the session. Lists for groups count by
    person and by address too, since accounts cost nothing.
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
    """What stands for a client: its IPv4 address, or the /64 network that one IPv6 client commands."""
    address = client_address(request)
    if address is None:
        return "unknown"
    if address.version == 6:
        return str(ipaddress.ip_network((address, 64), strict=False).network_address)
    return str(address)


def client_address(request: HttpRequest) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """The client's address, believing as many proxies' word as ``TRUSTED_PROXIES`` says stand in front.

    Each proxy appends who it heard from to X-Forwarded-For, so of the list the entry ``TRUSTED_PROXIES`` from the end
    is what the outermost trusted one saw; what stands before it the client may have made up. None where the server
    listens on a Unix socket and no proxy names the client.
    """
    direct = _parse(request.META.get("REMOTE_ADDR", ""))
    hops = settings.TRUSTED_PROXIES
    if hops <= 0:
        return direct
    forwarded = [part.strip() for part in request.META.get("HTTP_X_FORWARDED_FOR", "").split(",") if part.strip()]
    if len(forwarded) < hops:  # It did not come through the proxies.
        return direct
    return _parse(forwarded[-hops]) or direct


def _parse(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """An address as proxies write it: bare, ``1.2.3.4:567`` or ``[::1]:567``."""
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

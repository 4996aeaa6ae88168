"""Rate limits by route, with django-ratelimit's counters in Redis.

``settings.RATE_LIMIT_ROUTES`` says which scope a route belongs to, ``settings.RATE_LIMITS`` how many requests a scope
may make. Each scope has two windows: a short one for bursts, since a fixed long window lets twice its rate through at
its edge, and the long one. Counting is one atomic INCR a window; nothing is read, changed and written back.
"""

import ipaddress
import json
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.core.checks import Error
from django.http import HttpRequest, QueryDict
from django.http.response import HttpResponseBase
from django_ratelimit.core import get_usage, rate_re

from accounts.authentication import token_user_id
from accounts.selectors import login_name
from recsys_project.exceptions import RETRY_AFTER_SECONDS, error_response
from recsys_project.middleware import GetResponse

# A sign-in form is a few hundred bytes; a longer body names no account and is refused by the view.
_LOGIN_BODY_BYTES = 16 * 1024


def check_rates(app_configs: Any, **kwargs: Any) -> list[Error]:
    """A system check: every rate reads as ``50/5s``, so that a slip in the environment shows at set-up."""
    return [
        Error(f"RATE_LIMIT_{name.upper()}: {rate!r} is not a rate like 50/5s or 300/m.", id="recsys_project.E001")
        for name, rates in settings.RATE_LIMITS.items()
        for rate in rates
        if not rate_re.fullmatch(rate) or rate.partition("/")[2].startswith("0")
    ]


@dataclass(frozen=True)
class Verdict:
    """Why a request is refused, and after how many seconds it may come again."""

    retry_after: int
    store_away: bool = False


class RateLimitMiddleware:
    """Refuses requests over their scope's rate with 429; with Redis away, sign-ins with 503, and lets reads through."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        return self.get_response(request)

    def process_view(self, request: HttpRequest, view: Any, args: Any, kwargs: Any) -> HttpResponseBase | None:
        if not settings.RATELIMIT_ENABLE:
            return None
        verdict = limit(request)
        if verdict is None:
            return None
        if verdict.store_away:
            return error_response(request, 503, retry_after=verdict.retry_after)
        message = f"Too many requests; try again in {verdict.retry_after} seconds."
        return error_response(request, 429, message=message, retry_after=verdict.retry_after)


def limit(request: HttpRequest) -> Verdict | None:
    """Counts the request; a verdict where it is over a rate of its scope, None where it may pass."""
    scope = _scope(request)
    if scope is None:
        return None
    for name, key in _counters(request, scope):
        for rate in settings.RATE_LIMITS[name]:
            usage = get_usage(request, group=name, key=lambda _group, _request, key=key: key, rate=rate, increment=True)
            if usage is None or not usage["should_limit"]:
                continue
            if usage["limit"] == 0 and usage["time_left"] < 0:  # django-ratelimit's word for "the cache is away".
                closed = scope in settings.RATE_LIMIT_CLOSED_SCOPES
                return Verdict(RETRY_AFTER_SECONDS, store_away=True) if closed else None
            return Verdict(max(1, usage["time_left"]))
    return None


def _scope(request: HttpRequest) -> str | None:
    """The scope of the first entry of the table that fits the request's method and route; None for no limit."""
    route = request.resolver_match.route if request.resolver_match else ""
    for methods, prefix, scope in settings.RATE_LIMIT_ROUTES:
        if route.startswith(prefix) and (methods == "*" or request.method in methods.split()):
            return scope
    return None


def _counters(request: HttpRequest, scope: str) -> list[tuple[str, str]]:
    """``(name in RATE_LIMITS, what is counted)`` pairs of a request, in the order they are counted.

    Sign-ins count by address and by account, so that neither one address trying many accounts nor many addresses
    trying one account gets far. The address comes first: one that is over its rate cannot use up the account's.
    """
    if scope == "login":
        counters = [("login_address", client_network(request))]
        if account := _login_account(request):
            counters.append(("login_account", account))
        return counters
    if scope != "api":
        return [(scope, client_network(request))]
    user_id = token_user_id(request)
    return [("anonymous", client_network(request)) if user_id is None else ("user", str(user_id))]


def _login_account(request: HttpRequest) -> str:
    """The account a sign-in names, read from the body as its view will read it; empty where it names none."""
    length = request.META.get("CONTENT_LENGTH") or "0"
    if not length.isdecimal() or int(length[:20]) > _LOGIN_BODY_BYTES:
        return ""
    data: Any = {}
    try:
        if request.content_type == "application/json":
            data = json.loads(request.body)
        elif request.content_type == "application/x-www-form-urlencoded":
            data = QueryDict(request.body)
        else:
            data = request.POST
    except (ValueError, RecursionError):
        return ""
    # JSON can hold half a surrogate pair, which has no bytes to make a key of.
    return login_name(data).encode(errors="backslashreplace").decode() if isinstance(data, dict) else ""


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

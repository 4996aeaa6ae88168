"""Normalises the URLs of PostgreSQL, Redis and the broker for each of their clients.

Clients parse URLs differently, and their errors quote what they could not parse, which may be part of a password. So
URLs are parsed once, here, and passed on in a form that all clients parse alike. Errors name the variable and never
quote its value.
"""

import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, quote, unquote, urlencode

import environ
from django.core.exceptions import ImproperlyConfigured

POSTGRES_SCHEMES = ("postgresql", "postgres", "pgsql", "psql")
REDIS_SCHEMES = ("redis", "rediss", "unix")
_DATABASE_FORM = "postgresql://USER:PASSWORD@HOST:5432/NAME"
_REDIS_FORM = "redis://USER:PASSWORD@HOST:6379/0"
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")
_HOST = re.compile(r"(?:\[[0-9A-Fa-f:.]+(?:%[\w.-]+)?\]|[^\s:\[\]]*)(?::[0-9]{0,5})?")
# The options of a Redis URL that Celery's client accepts; it has settings of its own for others, as time-outs.
_BROKER_OPTIONS = {
    "ssl_cert_reqs",
    "ssl_ca_certs",
    "ssl_ca_path",
    "ssl_certfile",
    "ssl_keyfile",
    "ssl_password",
    "ssl_check_hostname",
}
_CERT_REQS = ("none", "optional", "required")
# Separates alternative brokers, one of which is used.
_NEXT_BROKER = re.compile(r";(?=[A-Za-z][A-Za-z0-9+.-]*://)")


@dataclass(frozen=True)
class _Parts:
    """The parts of a URL. User and password are decoded; hosts, path and query are as written."""

    scheme: str
    user: str
    password: str
    hosts: str
    path: str
    query: str

    @property
    def sign_in(self) -> str:
        """``user:password@``, percent-encoded; empty without both."""
        if not self.user and not self.password:
            return ""
        password = f":{quote(self.password, safe='')}" if self.password else ""
        return f"{quote(self.user, safe='')}{password}@"


@dataclass(frozen=True)
class RedisUrls:
    """URLs of one Redis database: for redis-py and Django's cache, and for Celery's client."""

    cache: str
    broker: str


def database_config(variable: str, url: str) -> dict[str, Any]:
    """Django's database settings for the PostgreSQL at ``url``.

    Raises ImproperlyConfigured naming the ``variable``.
    """
    parts = _split(variable, url, _DATABASE_FORM)
    if parts.scheme not in POSTGRES_SCHEMES or not parts.path:
        raise _unreadable(variable, _DATABASE_FORM)
    query = f"?{parts.query}" if parts.query else ""
    try:
        return dict(environ.Env.db_url_config(f"{parts.scheme}://{parts.sign_in}{parts.hosts}{parts.path}{query}"))
    except (ValueError, KeyError):
        raise _unreadable(variable, _DATABASE_FORM) from None


def redis_urls(variable: str, url: str) -> RedisUrls:
    """Parses ``redis://`` or ``rediss://`` with the database in the path or as ``?db=``, or ``unix://``.

    Raises ImproperlyConfigured naming the ``variable``.
    """
    parts = _split(variable, url, _REDIS_FORM)
    if parts.scheme not in REDIS_SCHEMES or "," in parts.hosts:
        raise _unreadable(variable, _REDIS_FORM)
    options = dict(parse_qsl(parts.query))
    in_path = "" if parts.scheme == "unix" else parts.path.strip("/")
    in_query = options.pop("virtual_host", "")
    database = options.pop("db", "") or in_query or unquote(in_path) or "0"
    if not (database.isascii() and database.isdigit()):
        raise ImproperlyConfigured(f"{variable}: the database must be a number from 0, as in redis://HOST:6379/0.")
    parts = _Parts(
        parts.scheme,
        # redis-py also accepts these as options.
        parts.user or options.pop("username", ""),
        parts.password or options.pop("password", ""),
        parts.hosts,
        quote(unquote(parts.path)),
        "",
    )
    if parts.scheme == "unix":
        return _socket_urls(variable, parts, int(database), options)
    if parts.scheme == "rediss":
        # Without this option redis-py verifies certificates, and Celery's client does not.
        required = options.get("ssl_cert_reqs", "required").lower().removeprefix("cert_")
        if required not in _CERT_REQS:
            raise ImproperlyConfigured(f"{variable}: ssl_cert_reqs must be one of {', '.join(_CERT_REQS)}.")
        options["ssl_cert_reqs"] = required
    base = f"{parts.scheme}://{parts.sign_in}{parts.hosts or 'localhost'}/{int(database)}"
    taken = {name: value for name, value in options.items() if name in _BROKER_OPTIONS}
    return RedisUrls(_with_query(base, options), _with_query(base, taken))


def broker_url(variable: str, url: str) -> str:
    """Celery's broker URL: a Redis URL as in ``redis_urls``, or that of another broker, which is returned unchanged.

    Accepts several URLs separated by ``;``. Raises ImproperlyConfigured naming the ``variable``.
    """
    return ";".join(_broker(variable, one) for one in _NEXT_BROKER.split(url.strip()))


def _broker(variable: str, url: str) -> str:
    parts = _split(variable, url, _REDIS_FORM)
    return redis_urls(variable, url).broker if parts.scheme in REDIS_SCHEMES else url.strip()


def _socket_urls(variable: str, parts: _Parts, database: int, options: dict[str, str]) -> RedisUrls:
    if not parts.path or parts.hosts:
        raise _unreadable(variable, "unix:///PATH/TO/SOCKET?db=0")
    where = f"{parts.sign_in}{parts.path}"
    return RedisUrls(
        _with_query(f"unix://{where}", {"db": str(database), **options}),
        f"redis+socket://{where}?virtual_host={database}",
    )


def _split(variable: str, url: str, form: str) -> _Parts:
    """Splits ``url``. Raises ImproperlyConfigured if reserved characters are not percent-encoded."""
    matched = _SCHEME.match(url.strip())
    if matched is None:
        raise _unreadable(variable, form)
    rest = url.strip()[matched.end() :]
    authority = re.split(r"[/?#]", rest, maxsplit=1)[0]
    path, _, query = rest[len(authority) :].partition("?")
    sign_in, _, hosts = authority.rpartition("@")
    # An @ after the authority means that the password contains an unencoded / ? or #, where the URL was cut.
    if "#" in rest or "@" in path or "@" in query or not all(_HOST.fullmatch(host) for host in hosts.split(",")):
        raise _unreadable(variable, form)
    user, _, password = sign_in.partition(":")
    return _Parts(matched[1].lower(), unquote(user), unquote(password), hosts, path, query)


def _with_query(url: str, options: dict[str, str]) -> str:
    return f"{url}?{urlencode(options)}" if options else url


def _unreadable(variable: str, form: str) -> ImproperlyConfigured:
    return ImproperlyConfigured(
        f"{variable}: it cannot be read as {form}. Reserved characters must be percent-encoded in user, password "
        "and path: / as %2F, ? as %3F, # as %23, @ as %40, : as %3A, % as %25."
    )

"""Production settings. Raises ImproperlyConfigured with instructions if a secret or an address is missing."""

import os

from django.core.exceptions import ImproperlyConfigured

from recsys_project.settings.base import *  # noqa: F403 -- settings modules are made of their base.
from recsys_project.settings.base import ALLOWED_HOSTS, JWT_SIGNING_KEY, JWT_SIGNING_KEY_PREVIOUS, SECRET_KEY
from recsys_project.settings.environment import env

_MINIMUM_KEY_BYTES = 32


def _missing_settings() -> list[str]:
    """Returns one sentence per setting that is missing or too weak, with the variable and what to set."""
    problems = []
    if len(SECRET_KEY.encode()) < 50:
        problems.append(
            "SECRET_KEY: set it to 50 or more random characters, "
            "as python -c 'import secrets; print(secrets.token_urlsafe(50))' prints."
        )
    if len(JWT_SIGNING_KEY.encode()) < _MINIMUM_KEY_BYTES:
        problems.append(
            f"JWT_SIGNING_KEY: set it to {_MINIMUM_KEY_BYTES} bytes or more of random text, other than SECRET_KEY."
        )
    elif JWT_SIGNING_KEY == SECRET_KEY:
        problems.append(
            "JWT_SIGNING_KEY: it must differ from SECRET_KEY, so that one can be rotated without the other."
        )
    if JWT_SIGNING_KEY_PREVIOUS and len(JWT_SIGNING_KEY_PREVIOUS.encode()) < _MINIMUM_KEY_BYTES:
        problems.append(f"JWT_SIGNING_KEY_PREVIOUS: it has {_MINIMUM_KEY_BYTES} bytes or more, or is not set.")
    if not ALLOWED_HOSTS:
        problems.append("ALLOWED_HOSTS: set it to the host names the site answers to, separated by commas.")
    if not os.environ.get("DATABASE_URL"):
        problems.append(
            "DATABASE_URL: set it to the PostgreSQL database, as postgresql://USER:PASSWORD@HOST:5432/NAME."
        )
    if not os.environ.get("REDIS_URL"):
        problems.append("REDIS_URL: set it to the Redis server, as redis://HOST:6379/0.")
    return problems


if problems := _missing_settings():
    raise ImproperlyConfigured("Production settings are incomplete:\n  " + "\n  ".join(problems))

SECURE_SSL_REDIRECT = env.bool("SECURE_SSL_REDIRECT", default=True)
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
# Probes and scrapes use plain HTTP inside the network.
SECURE_REDIRECT_EXEMPT = [r"^health/", r"^metrics$"]
SECURE_HSTS_SECONDS = env.int("SECURE_HSTS_SECONDS", default=31_536_000)
SECURE_HSTS_INCLUDE_SUBDOMAINS = True
# Browsers ship the list of preloaded sites: it takes months to leave it, so the operator decides.
SECURE_HSTS_PRELOAD = env.bool("SECURE_HSTS_PRELOAD", default=False)
SILENCED_SYSTEM_CHECKS = ["security.W021"]  # It asks for the line above to be true.
SESSION_COOKIE_SECURE = True
CSRF_COOKIE_SECURE = True

"""The folders, the environment and the service addresses that the other settings use."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import environ
from django.core.exceptions import ImproperlyConfigured
from environ.environ import NoValue

from recsys_project.embedded import addresses
from recsys_project.service_urls import redis_urls

Number = TypeVar("Number", int, float)
BASE_DIR = Path(__file__).resolve().parent.parent.parent
VAR_DIR = addresses.var_dir()


class Environment(environ.Env):
    """django-environ's environment with strict numbers, in Python's syntax.

    django-environ drops unknown characters, so that 1e3 would be 13, and its errors do not name the variable.
    """

    def int(self, var: str, default: int | NoValue = environ.Env.NOTSET) -> int:
        """Raises ImproperlyConfigured naming the variable."""
        return self.get_value(var, cast=_reader(var, int, "a whole number"), default=default)

    def float(self, var: str, default: float | NoValue = environ.Env.NOTSET) -> float:
        """Raises ImproperlyConfigured naming the variable."""
        return self.get_value(var, cast=_reader(var, float, "a number"), default=default)

    def json_object(self, var: str) -> Any:
        """What the variable has as JSON; an empty object where it is not set. Raises ImproperlyConfigured naming it."""
        text = self.str(var, default="")
        try:
            return json.loads(text) if text else {}
        except ValueError as error:
            raise ImproperlyConfigured(f"{var} is not JSON: {error}.") from None


def _reader(var: str, kind: Callable[[str], Number], what: str) -> Callable[[str], Number]:
    def read(text: str) -> Number:
        try:
            return kind(text)
        except ValueError:
            raise ImproperlyConfigured(f"{var}: {text!r} is not {what}.") from None

    return read


env = Environment()
redis_addresses = redis_urls("REDIS_URL", os.environ.get("REDIS_URL") or addresses.redis_url())

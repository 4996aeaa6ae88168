"""Watches all log lines of the suite for secrets that the tests use: passwords, tokens and keys."""

import json
import logging
import re
from typing import Any

from django.conf import settings
from django.test import Client

# What simplejwt makes: three parts, the first two of which are JSON objects.
_TOKEN = re.compile(r"eyJ[\w-]{10,}\.eyJ[\w-]{10,}\.[\w-]{20,}")
_FIELDS = ("password", "password1", "password2", "old_password", "new_password", "new_password1", "new_password2")
# A shorter one, as "x" or "wrong", also stands in harmless words.
_MIN_LENGTH = 10
_EXCERPT = 60

secrets: set[str] = set()
found: list[str] = []


def check(text: str, where: str) -> None:
    """Notes each secret in the text."""
    for secret in (*_TOKEN.findall(text), *(secret for secret in secrets if secret in text)):
        position = text.find(secret)
        found.append(f"{where}: {secret[:12]}… in {text[max(0, position - _EXCERPT) : position + 12]!r}")


def _check_record(record: logging.LogRecord) -> None:
    text = record.getMessage()
    if record.exc_info and record.exc_info[1] is not None:
        text += logging.Formatter().formatException(record.exc_info)
    check(text, record.name)


def install() -> None:
    """Watches from now on: the log lines of this process, for what its test clients send."""
    secrets.update({settings.SECRET_KEY, settings.JWT_SIGNING_KEY})
    # Not a handler: the logging configuration would remove it.
    handle, generic = logging.Logger.handle, Client.generic

    def watching(self: logging.Logger, record: logging.LogRecord) -> None:
        _check_record(record)
        handle(self, record)

    def noting(self: Client, method: str, path: str, data: Any = "", *args: Any, **extra: Any) -> Any:
        _note(data)
        return generic(self, method, path, data, *args, **extra)

    logging.Logger.handle = watching  # type: ignore[method-assign]
    Client.generic = noting  # type: ignore[method-assign]


def _note(data: Any) -> None:
    """Takes the passwords out of a JSON body or a form."""
    text = data.decode(errors="replace") if isinstance(data, bytes) else str(data)
    try:
        fields = json.loads(text)
    except ValueError:
        # A form's, URL-encoded or in parts.
        fields = dict(re.findall(r'(?:name="|^|&)(\w+)(?:"\s+|=)([^&\r\n]*)', text))
    except RecursionError:
        return
    if isinstance(fields, dict):
        values = (fields.get(name) for name in _FIELDS)
        secrets.update(value for value in values if isinstance(value, str) and len(value) >= _MIN_LENGTH)

"""Validates the settings of the log of served lists."""

from typing import Any

from django.conf import settings
from django.core.checks import Error

_RANGES = {"SERVED_STREAM_MAX": (1, 10**9), "SERVED_LOG_MONTHS": (1, 1200)}


def check_served_log(*args: Any, **kwargs: Any) -> list[Error]:
    """A system check: one error for each number out of its range."""
    values = {name: getattr(settings, name) for name in _RANGES}
    return [
        Error(f"{name}: {values[name]!r} is not a whole number from {low} to {high}.", id="events.E001")
        for name, (low, high) in _RANGES.items()
        if not low <= values[name] <= high
    ]

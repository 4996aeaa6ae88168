"""A system check of the settings of attribution."""

from typing import Any

from django.conf import settings
from django.core.checks import Error

# (setting, lowest, highest)
_RANGES = (
    ("ATTRIBUTION_WINDOW_HOURS", 1, 24 * 90),
    ("ATTRIBUTION_HOURLY_DAYS", 3, 92),
    ("ATTRIBUTION_DAILY_MONTHS", 1, 1200),
)


def check_attribution(*args: Any, **kwargs: Any) -> list[Error]:
    """One error for each setting outside its range, NaN included."""
    return [
        Error(f"{name}: {getattr(settings, name)} is not from {low} to {high}.", id="events.E001")
        for name, low, high in _RANGES
        if not low <= getattr(settings, name) <= high
    ]

"""Checks the settings of gate, watch and folding when a process starts, not at the end of a night's training."""

from __future__ import annotations

from typing import Any, Final

from django.core.checks import Error

from recommendations.retrieval.config import NumberSetting, setting_problems

_MAX_COUNT = 2**31 - 1
_NUMBERS: Final = (
    NumberSetting("GATE_MAX_SHRINK", 0, 1),
    NumberSetting("GATE_MIN_PEOPLE", 0, _MAX_COUNT, whole=True),
    NumberSetting("GATE_MAX_WORSE", 0, 1),
    NumberSetting("GATE_MAX_LOST_LEAD", 0, 1),
    NumberSetting("GATE_MAX_RATING_ERROR", 0, allow_infinity=True),
    NumberSetting("WATCH_HOURS", 0, 24),
    NumberSetting("WATCH_DAYS", 3, 31, whole=True),
    NumberSetting("WATCH_MIN_LISTS", 1, _MAX_COUNT, whole=True),
    NumberSetting("WATCH_MAX_CLICK_LOSS", 0, 1),
    NumberSetting("WATCH_MAX_SHARE_RISE", 0, 1),
    NumberSetting("FOLD_MAX_PEOPLE", 1, _MAX_COUNT, whole=True),
)


def check_gate_settings(*args: Any, **kwargs: Any) -> list[Error]:
    """A system check: one error for each invalid setting, named by its environment variable."""
    return [Error(problem, id="recommendations.E007") for problem in setting_problems(_NUMBERS)]

"""Checks the settings of engine, gate, watch and folding when a process starts, not at the end of a training."""

from __future__ import annotations

from typing import Any, Final

from django.conf import settings
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
_SPARK_NUMBERS: Final = (
    NumberSetting("TRAINING_SPARK_EXECUTOR_CORES", 0, _MAX_COUNT, whole=True),
    NumberSetting("TRAINING_SPARK_TASKS", 1, _MAX_COUNT, whole=True),
)


_ENGINES: Final = ("local", "spark")


def check_engine_settings(*args: Any, **kwargs: Any) -> list[Error]:
    """A system check: one error for each invalid setting of the engine, named by its environment variable."""
    problems = setting_problems(_SPARK_NUMBERS)
    if settings.TRAINING_ENGINE not in _ENGINES:
        problems.append(f"TRAINING_ENGINE: {settings.TRAINING_ENGINE!r} is not one of {', '.join(_ENGINES)}.")
    if settings.TRAINING_ENGINE == "spark" and not settings.TRAINING_SPARK_MASTER.startswith("spark://"):
        problems.append("TRAINING_SPARK_MASTER: TRAINING_ENGINE=spark needs the master's address, spark://host:7077.")
    options = settings.TRAINING_SPARK_OPTIONS
    if not (isinstance(options, dict) and all(isinstance(value, str) for value in options.values())):
        problems.append('TRAINING_SPARK_OPTIONS: the values must be text, as in {"spark.cores.max": "64"}.')
    return [Error(problem, id="recommendations.E008") for problem in problems]


def check_gate_settings(*args: Any, **kwargs: Any) -> list[Error]:
    """A system check: one error for each invalid setting, named by its environment variable."""
    return [Error(problem, id="recommendations.E007") for problem in setting_problems(_NUMBERS)]

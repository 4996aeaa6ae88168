"""Checks the settings of trainings, gate, watch and folding when a process starts, not at the end of a training."""

from __future__ import annotations

from typing import Any, Final

from django.conf import settings
from django.core.checks import Error

from recommendations.algorithms.content.sentence_encoder import ENCODERS
from recommendations.retrieval.config import NumberSetting, setting_problems

_MAX_COUNT = 2**31 - 1
# A year; a time of more is a mistake.
_MAX_MINUTES = 525_600
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
_TRAINING_NUMBERS: Final = (
    NumberSetting("TRAINING_MAX_ITEMS", 1, _MAX_COUNT, whole=True),
    NumberSetting("TRAINING_MAX_RATINGS", 1, _MAX_COUNT, whole=True),
    NumberSetting("TRAINING_EVALUATED_PEOPLE", 0, _MAX_COUNT, whole=True),
    NumberSetting("TRAINING_THREADS", 0, _MAX_COUNT, whole=True),
    NumberSetting("TRAINING_MAX_ATTEMPTS", 1, _MAX_COUNT, whole=True),
    NumberSetting("TRAINING_RETRY_MINUTES", 0, _MAX_MINUTES),
    NumberSetting("TRAINING_STALLED_MINUTES", 0.1, _MAX_MINUTES),
    NumberSetting("TRAINING_NIGHTLY_HOURS", 0, _MAX_MINUTES, whole=True),
    NumberSetting("POPULAR_HALF_LIFE_DAYS", 0.01, allow_infinity=True),
)
_SPARK_NUMBERS: Final = (
    NumberSetting("TRAINING_SPARK_EXECUTOR_CORES", 0, _MAX_COUNT, whole=True),
    NumberSetting("TRAINING_SPARK_TASKS", 1, _MAX_COUNT, whole=True),
)


_ENGINES: Final = ("local", "spark")


def training_problems() -> list[str]:
    """One message for each invalid setting of a training, which names its environment variable."""
    problems = setting_problems((*_TRAINING_NUMBERS, *_SPARK_NUMBERS))
    if settings.EMBEDDING_ENCODER not in ENCODERS:
        problems.append(f"EMBEDDING_ENCODER: {settings.EMBEDDING_ENCODER!r} is not one of {', '.join(ENCODERS)}.")
    if settings.TRAINING_ENGINE not in _ENGINES:
        problems.append(f"TRAINING_ENGINE: {settings.TRAINING_ENGINE!r} is not one of {', '.join(_ENGINES)}.")
    if settings.TRAINING_ENGINE == "spark" and not settings.TRAINING_SPARK_MASTER.startswith("spark://"):
        problems.append("TRAINING_SPARK_MASTER: TRAINING_ENGINE=spark needs the master's address, spark://host:7077.")
    options = settings.TRAINING_SPARK_OPTIONS
    if not (isinstance(options, dict) and all(isinstance(value, str) for value in options.values())):
        problems.append('TRAINING_SPARK_OPTIONS: the values must be text, as in {"spark.cores.max": "64"}.')
    return problems


def check_training_settings(*args: Any, **kwargs: Any) -> list[Error]:
    """A system check: one error for each invalid setting of a training, named by its environment variable."""
    return [Error(problem, id="recommendations.E008") for problem in training_problems()]


def check_gate_settings(*args: Any, **kwargs: Any) -> list[Error]:
    """A system check: one error for each invalid setting, named by its environment variable."""
    return [Error(problem, id="recommendations.E007") for problem in setting_problems(_NUMBERS)]

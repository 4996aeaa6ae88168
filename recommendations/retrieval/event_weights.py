"""Reads the setting EVENT_WEIGHTS once into the frozen table that all layers take as an argument."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from functools import cache as once
from typing import Any

import numpy as np
from django.conf import settings
from django.core.checks import Error
from django.core.exceptions import ImproperlyConfigured
from django.utils import timezone
from numpy.typing import NDArray

from events.kinds import Kind
from events.selectors import Signal
from events.weights import DEFAULT_WEIGHTS, EventWeights, KindWeights
from recommendations.algorithms.configs import ConfigError, config_from_json

_SETTING = "EVENT_WEIGHTS"


@once
def event_weights() -> EventWeights:
    """What each kind weighs in this process: the defaults, and the entries that the setting replaces.

    Raises ImproperlyConfigured naming each wrong entry. Tests that override the setting call
    ``event_weights.cache_clear``.
    """
    if problems := list(_problems()):
        raise ImproperlyConfigured("\n".join(problems))
    return EventWeights(**{kind: _row(Kind(kind), given) for kind, given in settings.EVENT_WEIGHTS.items()})


def signal_ages(signals: Sequence[Signal]) -> NDArray[np.float64] | None:
    """The age of each signal now, in seconds, (k,); None where no kind of event has a half-life."""
    if not event_weights().decays():
        return None
    now = timezone.now()
    return np.array([max((now - signal.occurred_at).total_seconds(), 0.0) for signal in signals])


def check_event_weights(*args: Any, **kwargs: Any) -> list[Error]:
    """A system check: one error for each wrong entry of the setting."""
    return [Error(problem, id="recommendations.E003") for problem in _problems()]


def _problems() -> Iterator[str]:
    given = settings.EVENT_WEIGHTS
    if not isinstance(given, dict):
        yield f"{_SETTING} must be an object with a row for each kind, not {given!r}."
        return
    for kind, row in given.items():
        if kind not in set(Kind):
            yield f"{_SETTING} has no kind {kind!r}; it has {', '.join(Kind)}."
            continue
        try:
            wrong = list(_row(Kind(kind), row).problems(Kind(kind)))
        except ConfigError as error:
            yield str(error)
        else:
            yield from (f"{_SETTING}.{kind}.{problem}" for problem in wrong)


def _row(kind: Kind, given: Any) -> KindWeights:
    """The row of a kind with the given entries. Raises ConfigError naming the entry that is unknown or no number."""
    entries = asdict(DEFAULT_WEIGHTS[kind]) | given if isinstance(given, dict) else given
    return config_from_json(KindWeights, entries, f"{_SETTING}.{kind}")

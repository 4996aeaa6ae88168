"""What the settings say about serving, read once into one frozen, validated ServingConfig.

A system check names each setting that is wrong, by its environment variable, so that a slip of the pen stops the start
of a process and not the first request.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache as once
from typing import Any

from django.conf import settings
from django.core.checks import Error
from django.core.exceptions import ImproperlyConfigured

from recommendations.algorithms.listing.blending import BlendConfig
from recommendations.algorithms.listing.reranking import RerankConfig
from recommendations.algorithms.listing.scoring import RankingConfig

MAX_EXPLORATION_PLACES = 14
# Sums of weights and times before a window must stay within what numbers and dates can hold.
_MAX_WEIGHT = 1000
_MAX_WINDOW_DAYS = 36_500
_MAX_CACHE_SECONDS = 366 * 86_400
_MAX_COUNT = 2**31 - 1


@dataclass(frozen=True, slots=True)
class ServingConfig:
    """What lists are made by and how long they are cached."""

    ranking: RankingConfig
    reranking: RerankConfig
    # How many places of a list are for new movies, and for how many days a movie is new.
    exploration_places: int
    exploration_days: float
    list_cache_seconds: int
    popular_list_size: int
    popular_cache_seconds: int
    similar_cache_seconds: int
    search_cache_seconds: int
    latest_cache_seconds: int
    genres_cache_seconds: int
    trending_cache_seconds: int
    trending_window_days: float
    trending_min_votes: int
    trending_min_people: int


@dataclass(frozen=True, slots=True)
class _NumberSetting:
    """A number in the settings: the environment variable it comes from, the setting, and the range it must be in."""

    variable: str
    low: float
    high: float = math.inf
    whole: bool = False
    # Where they are not the variable's name alone: the setting, a dictionary, and the key in it.
    setting: str = ""
    key: str = ""
    # Whether infinity is a value of its range.
    allow_infinity: bool = False

    def read(self) -> Any:
        """The value, of whatever type it is; None where a dictionary has no such key."""
        value = getattr(settings, self.setting or self.variable)
        return value.get(self.key) if self.key else value

    def problem(self) -> str | None:
        """What is wrong with the value, and what it may be; None where nothing is."""
        value = self.read()
        if value is None and self.key:  # The default of BlendConfig or RerankConfig holds.
            return None
        types = int if self.whole else (int, float)
        typed = isinstance(value, types) and not isinstance(value, bool)
        # NaN is in no range.
        if typed and self.low <= value <= self.high and (self.allow_infinity or value < math.inf):
            return None
        bounded = self.allow_infinity or self.high < math.inf
        kind = "whole number" if self.whole else "number" if bounded else "finite number"
        valid_range = f"from {self.low:g}" if self.high == math.inf else f"from {self.low:.12g} to {self.high:.12g}"
        return f"{self.variable}: {value!r} is not a {kind} {valid_range}."


_MOOD_WEIGHT = _NumberSetting("MOOD_WEIGHT", 0, 1)
_BATCH = _NumberSetting("BLEND_WEIGHT_BATCH", 0, _MAX_WEIGHT, setting="BLEND_WEIGHTS", key="batch")
_REALTIME = _NumberSetting("BLEND_WEIGHT_REALTIME", 0, _MAX_WEIGHT, setting="BLEND_WEIGHTS", key="realtime")
# Those that are fields of a config of algorithms.listing, which is made of its whole dictionary.
_DICTIONARY_NUMBERS = (
    _BATCH,
    _REALTIME,
    _NumberSetting("BLEND_NEWER_DECAY", 0, setting="BLEND_WEIGHTS", key="newer_decay"),
    _NumberSetting("BLEND_BATCH_FLOOR", 0, 1, setting="BLEND_WEIGHTS", key="batch_floor"),
    _NumberSetting("BLEND_POPULARITY_PRIOR", 0, setting="BLEND_WEIGHTS", key="popularity_prior"),
    _NumberSetting("DIVERSITY", 0, 1, setting="RERANKING", key="diversity"),
    _NumberSetting("GROUP_CAP", 0, _MAX_COUNT, whole=True, setting="RERANKING", key="group_cap"),
)


def _seconds(variable: str, low: int = 1) -> _NumberSetting:
    return _NumberSetting(variable, low, _MAX_CACHE_SECONDS, whole=True)


# By the field of ServingConfig.
_FIELDS = {
    "exploration_places": _NumberSetting("EXPLORATION_PLACES", 0, MAX_EXPLORATION_PLACES, whole=True),
    "exploration_days": _NumberSetting("EXPLORATION_DAYS", 0, allow_infinity=True),
    # With 0 seconds every list is computed, and can still be paged through.
    "list_cache_seconds": _seconds("RECOMMENDATIONS_CACHE_SECONDS", low=0),
    "popular_list_size": _NumberSetting("POPULAR_LIST_SIZE", 1, _MAX_COUNT, whole=True),
    "popular_cache_seconds": _seconds("POPULAR_CACHE_SECONDS"),
    "similar_cache_seconds": _seconds("SIMILAR_CACHE_SECONDS"),
    "search_cache_seconds": _seconds("SEARCH_CACHE_SECONDS"),
    "latest_cache_seconds": _seconds("LATEST_CACHE_SECONDS"),
    "genres_cache_seconds": _seconds("GENRES_CACHE_SECONDS"),
    "trending_cache_seconds": _seconds("TRENDING_CACHE_SECONDS"),
    "trending_window_days": _NumberSetting("TRENDING_WINDOW_DAYS", 0.01, _MAX_WINDOW_DAYS),
    "trending_min_votes": _NumberSetting("TRENDING_MIN_VOTES", 0, _MAX_COUNT, whole=True),
    "trending_min_people": _NumberSetting("TRENDING_MIN_PEOPLE", 0, _MAX_COUNT, whole=True),
}


@once
def serving_config() -> ServingConfig:
    """The settings of this process, read and validated at the first call. Raises ImproperlyConfigured naming each that
    is wrong.

    The tests call ``serving_config.cache_clear`` when they override a setting.
    """
    if errors := check_serving_config():
        raise ImproperlyConfigured("\n".join(error.msg for error in errors))
    return ServingConfig(
        ranking=RankingConfig(BlendConfig(**settings.BLEND_WEIGHTS), _MOOD_WEIGHT.read()),
        reranking=RerankConfig(**settings.RERANKING),
        **{field: number.read() for field, number in _FIELDS.items()},
    )


def check_serving_config(*args: Any, **kwargs: Any) -> list[Error]:
    """A system check: one error for each setting of serving that is wrong."""
    problems = _problems((*_DICTIONARY_NUMBERS, _MOOD_WEIGHT, *_FIELDS.values()))
    errors = [Error(problem, id="recommendations.E001") for problem in problems]
    if _BATCH.read() == _REALTIME.read() == 0:
        names = f"{_BATCH.variable}, {_REALTIME.variable}"
        errors.append(Error(f"{names}: both are 0; one of them must weigh something.", id="recommendations.E002"))
    return errors


def _problems(numbers: Iterable[_NumberSetting]) -> list[str]:
    return [problem for number in numbers if (problem := number.problem()) is not None]

"""Reads the serving settings once into one frozen, validated ServingConfig.

A system check reports each invalid setting by its environment variable, so that a mistake fails at process start and
not in the first request.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from functools import cache as once
from typing import Any

from django.conf import settings
from django.core.checks import Error
from django.core.exceptions import ImproperlyConfigured

from recommendations.algorithms.listing.blending import BlendConfig
from recommendations.algorithms.listing.reranking import RerankConfig
from recommendations.algorithms.listing.scoring import RankingConfig
from recommendations.retrieval.filters import MAX_REPEAT_AFTER

MAX_EXPLORATION_PLACES = 14
# Upper bounds that keep sums of weights, and dates before a window, in range.
MAX_WEIGHT = 1000
_MAX_WINDOW_DAYS = 36_500
_MAX_CACHE_SECONDS = 366 * 86_400
_MAX_COUNT = 2**31 - 1


@dataclass(frozen=True, slots=True)
class ServingConfig:
    """How lists are computed, and how long they are cached."""

    # Values of BlendConfig's fields, where an operator set them.
    blend: Mapping[str, float]
    mood_weight: float
    mood_weight_cold: float
    reranking: RerankConfig
    # The number of positions of a list for new movies, and the number of days for which a movie is new.
    exploration_places: int
    exploration_days: float
    list_cache_seconds: int
    repeat_after_hours: int
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
    # The share of a list's places that the rules of staff may take.
    curation_max_share: float

    def ranking(self, published: BlendConfig) -> RankingConfig:
        """How candidates of a version that was published with this blend are scored."""
        return RankingConfig(merge_blend(published, self.blend), self.mood_weight, self.mood_weight_cold)


def merge_blend(published: BlendConfig, chosen: Mapping[str, float]) -> BlendConfig:
    """The published blend with the chosen values of its fields.

    A chosen weight of 0 beside a published one of 0 would leave nothing to rank by: the latter is then the default.
    """
    values = asdict(published) | dict(chosen)
    if values["batch"] == values["realtime"] == 0:
        values = asdict(published) | {name: getattr(BlendConfig(), name) for name in ("batch", "realtime")}
        values |= dict(chosen)
    return BlendConfig(**values)


@dataclass(frozen=True, slots=True)
class NumberSetting:
    """A number in the settings: its environment variable, its setting and its valid range."""

    variable: str
    low: float
    high: float = math.inf
    whole: bool = False
    # If the value is in a dictionary, or under another name: the setting, and the key in it.
    setting: str = ""
    key: str = ""
    # Whether infinity is valid.
    allow_infinity: bool = False

    def read(self) -> Any:
        """The value, of any type; None if the dictionary has no such key."""
        value = getattr(settings, self.setting or self.variable)
        return value.get(self.key) if self.key else value

    def problem(self) -> str | None:
        """A message that names the invalid value and its valid range; None if the value is valid."""
        value = self.read()
        if value is None and self.key:  # What was published with the version, or the default, applies.
            return None
        types = int if self.whole else (int, float)
        typed = isinstance(value, types) and not isinstance(value, bool)
        # NaN fails both comparisons.
        if typed and self.low <= value <= self.high and (self.allow_infinity or value < math.inf):
            return None
        bounded = self.allow_infinity or self.high < math.inf
        kind = "whole number" if self.whole else "number" if bounded else "finite number"
        valid_range = f"from {self.low:g}" if self.high == math.inf else f"from {self.low:.12g} to {self.high:.12g}"
        return f"{self.variable}: {value!r} is not a {kind} {valid_range}."


_BATCH = NumberSetting("BLEND_WEIGHT_BATCH", 0, MAX_WEIGHT, setting="BLEND_WEIGHTS", key="batch")
_REALTIME = NumberSetting("BLEND_WEIGHT_REALTIME", 0, MAX_WEIGHT, setting="BLEND_WEIGHTS", key="realtime")
# Fields of BlendConfig and RerankConfig, whose settings are whole dictionaries.
_DICTIONARY_NUMBERS = (
    _BATCH,
    _REALTIME,
    NumberSetting("BLEND_NEWER_DECAY", 0, setting="BLEND_WEIGHTS", key="newer_decay"),
    NumberSetting("BLEND_BATCH_FLOOR", 0, 1, setting="BLEND_WEIGHTS", key="batch_floor"),
    NumberSetting("BLEND_POPULARITY_PRIOR", 0, setting="BLEND_WEIGHTS", key="popularity_prior"),
    NumberSetting("DIVERSITY", 0, 1, setting="RERANKING", key="diversity"),
    NumberSetting("GROUP_CAP", 0, _MAX_COUNT, whole=True, setting="RERANKING", key="group_cap"),
)


def _seconds(variable: str, low: int = 1) -> NumberSetting:
    return NumberSetting(variable, low, _MAX_CACHE_SECONDS, whole=True)


# By field of ServingConfig.
_FIELDS = {
    "mood_weight": NumberSetting("MOOD_WEIGHT", 0, 1),
    "mood_weight_cold": NumberSetting("MOOD_WEIGHT_COLD", 0, 1),
    "exploration_places": NumberSetting("EXPLORATION_PLACES", 0, MAX_EXPLORATION_PLACES, whole=True),
    "exploration_days": NumberSetting("EXPLORATION_DAYS", 0, allow_infinity=True),
    # With 0 seconds every list is computed; its pages are still available.
    "list_cache_seconds": _seconds("RECOMMENDATIONS_CACHE_SECONDS", low=0),
    "repeat_after_hours": NumberSetting("REPEAT_AFTER_HOURS", 0, MAX_REPEAT_AFTER, whole=True),
    "popular_list_size": NumberSetting("POPULAR_LIST_SIZE", 1, _MAX_COUNT, whole=True),
    "popular_cache_seconds": _seconds("POPULAR_CACHE_SECONDS"),
    "similar_cache_seconds": _seconds("SIMILAR_CACHE_SECONDS"),
    "search_cache_seconds": _seconds("SEARCH_CACHE_SECONDS"),
    "latest_cache_seconds": _seconds("LATEST_CACHE_SECONDS"),
    "genres_cache_seconds": _seconds("GENRES_CACHE_SECONDS"),
    "trending_cache_seconds": _seconds("TRENDING_CACHE_SECONDS"),
    "trending_window_days": NumberSetting("TRENDING_WINDOW_DAYS", 0.01, _MAX_WINDOW_DAYS),
    "trending_min_votes": NumberSetting("TRENDING_MIN_VOTES", 0, _MAX_COUNT, whole=True),
    "trending_min_people": NumberSetting("TRENDING_MIN_PEOPLE", 0, _MAX_COUNT, whole=True),
    "curation_max_share": NumberSetting("CURATION_MAX_SHARE", 0, 1),
}


@once
def serving_config() -> ServingConfig:
    """The serving settings of this process, read and validated by the first call.

    Raises ImproperlyConfigured naming each invalid setting. Tests that override a setting call
    ``serving_config.cache_clear``.
    """
    if errors := check_serving_config():
        raise ImproperlyConfigured("\n".join(error.msg for error in errors))
    return ServingConfig(
        blend={name: value for name, value in settings.BLEND_WEIGHTS.items() if value is not None},
        reranking=RerankConfig(**settings.RERANKING),
        **{field: number.read() for field, number in _FIELDS.items()},
    )


def check_serving_config(*args: Any, **kwargs: Any) -> list[Error]:
    """A system check: one error for each invalid serving setting."""
    problems = setting_problems((*_DICTIONARY_NUMBERS, *_FIELDS.values()))
    errors = [Error(problem, id="recommendations.E001") for problem in problems]
    if _BATCH.read() == _REALTIME.read() == 0:
        names = f"{_BATCH.variable}, {_REALTIME.variable}"
        errors.append(Error(f"{names}: both are 0; one of them must weigh something.", id="recommendations.E002"))
    return errors


def setting_problems(numbers: Iterable[NumberSetting]) -> list[str]:
    """The problems of those that are not valid."""
    return [problem for number in numbers if (problem := number.problem()) is not None]

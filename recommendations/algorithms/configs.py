"""Read hyperparameters from JSON into their frozen dataclasses. Strict, because a typo would train another model."""

from __future__ import annotations

import math
from dataclasses import fields, is_dataclass
from types import NoneType, UnionType
from typing import Any, TypeVar, Union, cast, get_args, get_origin, get_type_hints

T = TypeVar("T")

_FORMERLY = "formerly"


class ConfigError(ValueError):
    """The JSON does not fit the configuration; the message names the place."""


def formerly(name: str) -> dict[str, str]:
    """The metadata of a renamed field: JSON that an earlier release stored has its value under ``name``."""
    return {_FORMERLY: name}


def config_from_json(kind: type[T], value: object, place: str = "configuration") -> T:
    """Build a ``kind`` from what ``dataclasses.asdict`` and JSON made of one; absent keys keep their defaults.

    A field may have the name of an earlier release (``formerly``).
    Raises ConfigError for an unknown key, a value of another type, and a value that the dataclass rejects.
    """
    if not isinstance(value, dict):
        raise ConfigError(f"{place} must be an object, not {value!r}.")
    own = [field for field in fields(cast(Any, kind)) if field.init]
    known = {field.name for field in own}
    value = dict(value)
    for field in own:
        former = field.metadata.get(_FORMERLY)
        # With both names given, the former one stays, and is unknown.
        if former in value and field.name not in value:
            value[field.name] = value.pop(former)
    unknown = sorted(set(map(str, value)) - known)
    if unknown:
        raise ConfigError(f"{place} has no {unknown[0]!r}; it has {', '.join(sorted(known))}.")
    hints = get_type_hints(kind)
    parsed = {name: _parse(hints[name], entry, f"{place}.{name}") for name, entry in value.items()}
    try:
        return kind(**parsed)
    except ConfigError:
        raise
    except (ValueError, TypeError) as error:
        raise ConfigError(f"{place}: {error}") from error


def _parse(kind: Any, value: object, place: str) -> Any:
    origin = get_origin(kind)
    if origin in (Union, UnionType):
        if value is None and NoneType in get_args(kind):
            return None
        (inner,) = (entry for entry in get_args(kind) if entry is not NoneType)
        return _parse(inner, value, place)
    if origin is tuple:
        if not isinstance(value, list | tuple):
            raise ConfigError(f"{place} must be a list, not {value!r}.")
        (inner, _) = get_args(kind)
        return tuple(_parse(inner, entry, f"{place}[{index}]") for index, entry in enumerate(value))
    if is_dataclass(kind):
        return config_from_json(cast(type[Any], kind), value, place)
    return _scalar(kind, value, place)


def _scalar(kind: Any, value: object, place: str) -> Any:
    if kind is float and isinstance(value, int | float) and not isinstance(value, bool) and _is_finite(value):
        return float(value)
    if kind is not float and type(value) is kind:
        return value
    names = {float: "a number", int: "a whole number", str: "text", bool: "true or false"}
    raise ConfigError(f"{place} must be {names.get(kind, kind)}, not {value!r}.")


def _is_finite(value: float) -> bool:
    try:
        return math.isfinite(value)
    except OverflowError:  # A whole number beyond the largest float.
        return False

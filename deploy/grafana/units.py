"""Numbers in Grafana's units, as text."""

from __future__ import annotations

import math
from collections.abc import Sequence

_TIMES = ((86_400.0, "d"), (3600.0, "h"), (60.0, "min"), (1.0, "s"), (1e-3, "ms"), (1e-6, "µs"))
_BYTES = ((1024.0**4, "TiB"), (1024.0**3, "GiB"), (1024.0**2, "MiB"), (1024.0, "KiB"), (1.0, "B"))
_SHORT = ((1e9, "Bil"), (1e6, "Mil"), (1e3, "K"))
_SUFFIXES = {"reqps": " req/s", "ops": " ops/s", "none": "", "": ""}
_CHOICES = {"bool_yes_no": ("No", "Yes"), "bool_on_off": ("Off", "On")}


def formatted(value: float, unit: str) -> str:
    """The value with its unit. Raises KeyError for a unit that no panel has."""
    if math.isnan(value):
        return "NaN"
    if unit in _CHOICES:
        return _CHOICES[unit][value >= 0.5]
    if unit == "percentunit":
        return f"{_number(value * 100)}%"
    scales = {"s": _TIMES, "bytes": _BYTES, "short": _SHORT}.get(unit)
    return _number(value) + _SUFFIXES[unit] if scales is None else _scaled(value, scales)


def _scaled(value: float, scales: Sequence[tuple[float, str]]) -> str:
    for size, name in scales:
        if abs(value) >= size:
            return f"{_number(value / size)} {name}"
    return _number(value)


def _number(value: float) -> str:
    """Three significant digits, and no more than are needed."""
    if value == int(value) or abs(value) >= 100:
        return f"{value:.0f}"
    return f"{value:.3g}"

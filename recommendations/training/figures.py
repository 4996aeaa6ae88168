"""Values of model versions as texts for people: rounded, with separators."""

from __future__ import annotations

from typing import Any


def figure_text(value: Any) -> str:
    """A number with four significant digits or, from 1,000 on, whole; a list with commas; "-" for None."""
    if value is None or value in ("", []):
        return "-"
    if isinstance(value, list | tuple):
        return ", ".join(figure_text(one) for one in value)
    if isinstance(value, float):
        return _rounded(value)
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)


def difference_text(value: float | None) -> str:
    """A difference with its sign; "" without one."""
    if not value:
        return "" if value is None else "0"
    return _rounded(value, "+") if isinstance(value, float) else f"{value:+,}"


def _rounded(value: float, sign: str = "") -> str:
    """Without exponents for large numbers."""
    return f"{value:{sign},.0f}" if 1000 <= abs(value) < 1e15 else f"{value:{sign}.4g}"

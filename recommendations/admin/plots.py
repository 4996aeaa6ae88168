"""Plots as SVG without styles or scripts, which the site's policy allows. Each point says its values on hover."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

_WIDTH, _HEIGHT, _LEFT, _RIGHT, _TOP, _BOTTOM = 720, 240, 60, 20, 16, 28
_TICKS = 4
# Each is clear on white and on black.
COLORS = ("#3b82f6", "#d97706", "#16a34a")


@dataclass(frozen=True, slots=True)
class Series:
    """One line of a plot. values: one for each label, None where there is none; notes: what each point says."""

    name: str
    values: Sequence[float | None]
    notes: Sequence[str] = ()


def lines_svg(title: str, labels: Sequence[str], series: Sequence[Series]) -> SafeString:
    """Lines over labelled places, with a legend; "" without any value."""
    known = [value for line in series for value in line.values if value is not None]
    if not known:
        return SafeString("")
    low, high = _range(known)

    def x(place: int) -> float:
        return round(_LEFT + place * (_WIDTH - _LEFT - _RIGHT) / max(1, len(labels) - 1), 1)

    def y(value: float) -> float:
        return round(_HEIGHT - _BOTTOM - (value - low) / (high - low) * (_HEIGHT - _TOP - _BOTTOM), 1)

    ticks = [low + (high - low) * n / _TICKS for n in range(_TICKS + 1)]
    grid = format_html_join(
        "",
        '<line x1="{0}" x2="{1}" y1="{2}" y2="{2}" stroke="currentColor" stroke-opacity="0.15"/>'
        '<text x="{3}" y="{4}" text-anchor="end" font-size="11" fill="currentColor">{5}</text>',
        ((_LEFT, _WIDTH - _RIGHT, y(tick), _LEFT - 8, y(tick) + 4, f"{tick:.3f}") for tick in ticks),
    )
    step = max(1, len(labels) // 10)
    names = format_html_join(
        "",
        '<text x="{}" y="{}" text-anchor="middle" font-size="11" fill="currentColor">{}</text>',
        ((x(place), _HEIGHT - 8, label) for place, label in enumerate(labels) if place % step == 0),
    )
    places = [
        [None if value is None else (x(place), y(value)) for place, value in enumerate(line.values)] for line in series
    ]
    drawn = [_line(n, *pair, labels) for n, pair in enumerate(zip(series, places, strict=True))]
    lines = format_html_join("", "{}", ((line,) for line in drawn))
    return format_html(
        '<svg class="plot" xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {} {}" role="img" aria-label="{}">'
        "{}{}{}{}</svg>",
        *(_WIDTH, _HEIGHT, title, grid, names, lines, _legend(series)),
    )


def _range(values: Sequence[float]) -> tuple[float, float]:
    """The range of the axis: a little wider than the values, and never empty."""
    low, high = min(values), max(values)
    margin = (high - low) * 0.1 or abs(high) * 0.1 or 1.0
    return max(0.0, low - margin) if low >= 0 else low - margin, high + margin


def _line(number: int, line: Series, points: Sequence[tuple[float, float] | None], labels: Sequence[str]) -> SafeString:
    """The line, broken where a value is missing, and its points."""
    color = COLORS[number % len(COLORS)]
    path, pen = [], "M"
    for point in points:
        if point is None:
            pen = "M"
            continue
        path.append(f"{pen}{point[0]} {point[1]}")
        pen = "L"
    notes = line.notes or [""] * len(points)
    dots = format_html_join(
        "",
        '<circle cx="{}" cy="{}" r="4" fill="{}"><title>{}: {} {}{}</title></circle>',
        (
            (*point, color, label, line.name, f"{value:.4f}", f" ({note})" if note else "")
            for point, label, value, note in zip(points, labels, line.values, notes, strict=True)
            if point is not None
        ),
    )
    return format_html('<path d="{}" fill="none" stroke="{}" stroke-width="2"/>{}', " ".join(path), color, dots)


def _legend(series: Sequence[Series]) -> SafeString:
    return format_html_join(
        "",
        '<circle cx="{0}" cy="8" r="4" fill="{1}"/><text x="{2}" y="12" font-size="12" fill="currentColor">{3}</text>',
        (
            (_LEFT + 8 + n * 190, COLORS[n % len(COLORS)], _LEFT + 18 + n * 190, line.name)
            for n, line in enumerate(series)
        ),
    )

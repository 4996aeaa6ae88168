"""Plots of an experiment's arms with their intervals, as SVG without styles, which the site's policy allows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from recommendations.algorithms.experiments.sequences import Interval
from recommendations.experiments.results import ExperimentResults

_WIDTH, _ROW, _LEFT, _MARGIN = 640, 28, 180, 24
# Each is clear on white and on black: intervals beside 0 are drawn strong, those that include it weak.
_CLEAR, _OPEN, _MEAN = "#16a34a", "#888888", "#3b82f6"


@dataclass(frozen=True, slots=True)
class _Row:
    """One line of a plot."""

    name: str
    value: float
    interval: Interval
    color: str


def differences_svg(results: ExperimentResults) -> SafeString:
    """One row for each compared arm: its interval, its difference and the line of no difference; "" without any."""
    rows = [
        _Row(arm.name, found.difference, found.interval, _CLEAR if _is_clear(found.interval) else _OPEN)
        for arm in results.arms
        if (found := arm.comparison) is not None
    ]
    return _intervals_svg("Difference to the control, with its interval", rows, zero=True)


def means_svg(results: ExperimentResults) -> SafeString:
    """One row for each arm with enough people: its mean with its interval; "" without any."""
    rows = [
        _Row(f"{arm.name} (control)" if arm.control else arm.name, arm.mean, arm.interval, _MEAN)
        for arm in results.arms
        if arm.interval is not None and arm.mean is not None
    ]
    return _intervals_svg("Mean of each arm, with its interval", rows, zero=False)


def _is_clear(interval: Interval) -> bool:
    return interval.low > 0 or interval.high < 0


def _intervals_svg(title: str, rows: Sequence[_Row], *, zero: bool) -> SafeString:
    """The rows below each other on one scale, whose ends are named. zero: whether the scale has a line at 0."""
    if not rows:
        return SafeString("")
    ends = [0.0] if zero else []
    low = min([*ends, *(row.interval.low for row in rows)])
    high = max([*ends, *(row.interval.high for row in rows)])
    span = high - low or 1.0

    def place(value: float) -> float:
        return round(_LEFT + (value - low) / span * (_WIDTH - _LEFT - 2 * _MARGIN), 1)

    height = 2 * _MARGIN + len(rows) * _ROW
    shapes = format_html_join(
        "",
        '<g><title>{0}: {1} ({2} to {3})</title><text x="0" y="{4}" fill="currentColor">{0}</text>'
        '<line x1="{5}" x2="{6}" y1="{7}" y2="{7}" stroke="{8}" stroke-width="3"/>'
        '<circle cx="{9}" cy="{7}" r="5" fill="{8}"/></g>',
        (
            (
                *(row.name, f"{row.value:.4f}", f"{row.interval.low:.4f}", f"{row.interval.high:.4f}"),
                *(_MARGIN + n * _ROW + 4, place(row.interval.low), place(row.interval.high), _MARGIN + n * _ROW),
                *(row.color, place(row.value)),
            )
            for n, row in enumerate(rows)
        ),
    )
    named = {place(low): f"{low:.4g}", place(high): f"{high:.4g}"} | ({place(0.0): "0"} if zero else {})
    scale = format_html_join(
        "",
        '<text x="{}" y="{}" text-anchor="middle" font-size="12" fill="currentColor">{}</text>',
        ((x, height - 4, text) for x, text in named.items()),
    )
    line = format_html(
        '<line x1="{0}" x2="{0}" y1="0" y2="{1}" stroke="currentColor" stroke-dasharray="4"/>',
        place(0.0),
        height - _MARGIN,
    )
    return format_html(
        '<svg class="plot" xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {0} {1}" width="{0}" height="{1}" role="img"'
        ' aria-label="{2}">{3}{4}{5}</svg>',
        *(_WIDTH, height, title, line if zero else "", shapes, scale),
    )

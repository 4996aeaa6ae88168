"""A plot of an experiment's differences with their intervals, as SVG without styles, which the site's policy allows."""

from __future__ import annotations

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from recommendations.experiments.results import ExperimentResults

_WIDTH, _ROW, _LEFT, _MARGIN = 640, 28, 180, 20
# Intervals beside 0 are drawn strong, those that include it weak.
_CLEAR, _OPEN = "#1b6e3c", "#777777"


def differences_svg(results: ExperimentResults) -> SafeString:
    """One row for each compared arm: its interval, its difference and the line of no difference; "" without any."""
    rows = [(arm.name, arm.comparison) for arm in results.arms if arm.comparison is not None]
    if not rows:
        return SafeString("")
    low = min(0.0, *(found.interval.low for _, found in rows))
    high = max(0.0, *(found.interval.high for _, found in rows))

    def place(value: float) -> float:
        return round(_LEFT + (value - low) / (high - low) * (_WIDTH - _LEFT - _MARGIN), 1)

    lines = []
    for number, (name, found) in enumerate(rows):
        y = _MARGIN + number * _ROW
        clear = found.interval.low > 0 or found.interval.high < 0
        color = _CLEAR if clear else _OPEN
        bounds = place(found.interval.low), place(found.interval.high)
        lines.append((name, y + 4, bounds[0], bounds[1], y, y, color, place(found.difference), y, color))
    height = 2 * _MARGIN + len(rows) * _ROW
    shapes = format_html_join(
        "",
        '<text x="0" y="{1}" fill="currentColor">{0}</text>'
        '<line x1="{2}" x2="{3}" y1="{4}" y2="{5}" stroke="{6}" stroke-width="3"/>'
        '<circle cx="{7}" cy="{8}" r="5" fill="{9}"/>',
        lines,
    )
    return format_html(
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {0} {1}" width="{0}" height="{1}" role="img">'
        "<title>Difference to the control, with its interval</title>"
        '<line x1="{2}" x2="{2}" y1="0" y2="{3}" stroke="currentColor" stroke-dasharray="4"/>'
        '<text x="{2}" y="{1}" text-anchor="middle" fill="currentColor">0</text>{4}</svg>',
        _WIDTH,
        height,
        place(0.0),
        height - _MARGIN,
        shapes,
    )

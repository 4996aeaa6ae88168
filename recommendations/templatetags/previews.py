"""Filters for the pages of previews and versions."""

from __future__ import annotations

from collections.abc import Mapping

from django import template
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from recommendations.training.figures import difference_text, figure_text

register = template.Library()
register.filter("figure", figure_text)
register.filter("difference", difference_text)

# Each is clear on white and on black.
_COLORS = {"batch": "#3b82f6", "realtime": "#16a34a", "popular": "#d97706", "mood": "#a855f7"}


@register.filter
def percent(value: float | None) -> str:
    """A share as a whole percentage."""
    return "-" if value is None else f"{value:.0%}"


@register.filter
def shares_text(shares: Mapping[str, float]) -> str:
    """Shares of a score by source in words, those of at least one percent."""
    return ", ".join(f"{name} {share:.0%}" for name, share in shares.items() if share >= 0.005) or "-"


@register.filter
def shares_bar(shares: Mapping[str, float]) -> SafeString:
    """The same as a bar."""
    parts, start = [], 0.0
    for name, share in shares.items():
        if share > 0:
            parts.append((round(start, 2), round(share * 100, 2), _COLORS.get(name, "currentColor")))
            start += share * 100
    bars = format_html_join("", '<rect x="{}" y="0" width="{}" height="6" fill="{}"/>', parts)
    return format_html(
        '<svg class="shares" viewBox="0 0 100 6" preserveAspectRatio="none" aria-hidden="true">{}</svg>', bars
    )

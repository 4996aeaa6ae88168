"""Values of versions as tables."""

from __future__ import annotations

from typing import Any

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from recommendations.training.comparison import flat, stage_seconds
from recommendations.training.figures import figure_text


def values_table(values: dict[str, Any]) -> SafeString:
    """Renders nested values as a table of names and rounded values."""
    lines = ((name, figure_text(value)) for name, value in (flat(values) | stage_seconds(values)).items())
    return format_html("<table>{}</table>", format_html_join("", "<tr><th>{}</th><td>{}</td></tr>", lines))

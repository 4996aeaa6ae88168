"""Values of versions as tables."""

from __future__ import annotations

from typing import Any

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString


def values_table(values: dict[str, Any]) -> SafeString:
    """Render nested numbers as a table of names and values."""
    return format_html("<table>{}</table>", format_html_join("", "<tr><th>{}</th><td>{}</td></tr>", _flat(values)))


def _flat(values: dict[str, Any], prefix: str = "") -> list[tuple[str, Any]]:
    lines: list[tuple[str, Any]] = []
    for name, value in values.items():
        if name == "stages":
            lines += [(f"seconds {stage}", seconds) for stage, seconds in value]
        else:
            lines += _flat(value, f"{prefix}{name} ") if isinstance(value, dict) else [(f"{prefix}{name}", value)]
    return lines

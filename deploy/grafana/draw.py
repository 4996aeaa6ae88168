"""Draws each dashboard from a Prometheus: ``python -m deploy.grafana.draw PROMETHEUS_URL FOLDER``.

To see what the panels show where there is no Grafana: with their real expressions, units and legends. It draws lines,
numbers and bars as Grafana places them, not Grafana's looks.
"""

from __future__ import annotations

import argparse
import math
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MultipleLocator

from deploy.grafana.queries import Series, boards, expression, panels_of, query, query_range
from deploy.grafana.units import formatted

matplotlib.use("Agg")

_COLUMNS, _WIDTH, _ROW_INCHES = 24, 22.0, 0.42
_MAX_LEGEND = 12
_COLORS = {"green": "#37872d", "yellow": "#c69b06", "red": "#c4162a"}


class Drawing:
    """One dashboard; times in seconds. start and end: since 1970; rate_seconds: Grafana's ``$__rate_interval``."""

    def __init__(self, url: str, *, start: float, end: float, rate_seconds: int) -> None:
        self.url, self.start, self.end, self.rate_seconds = url, start, end, rate_seconds
        self.step = max(1.0, (end - start) / 300)
        self.empty: list[str] = []

    def draw(self, board: dict[str, Any]) -> Figure:
        """All panels in their places. Notes the titles of those without data in ``empty``."""
        rows = max(panel["gridPos"]["y"] + panel["gridPos"]["h"] for panel in board["panels"])
        height = rows * _ROW_INCHES + 0.6
        figure = Figure(figsize=(_WIDTH, height), dpi=75)
        figure.text(0.01, 1 - 0.3 / height, board["title"], fontsize=15, weight="bold", va="center")
        for panel in board["panels"]:
            place = panel["gridPos"]
            top = height - 0.6 - place["y"] * _ROW_INCHES
            if panel["type"] == "row":
                figure.text(0.01, (top - 0.3) / height, panel["title"], fontsize=12, color="#555555")
                continue
            # Room for the title above, the axis on the left, and time and legend below.
            legend = 0.95 if panel["type"] == "timeseries" else 0.15
            left = place["x"] / _COLUMNS + 0.03
            size = (place["w"] / _COLUMNS - 0.045, (place["h"] * _ROW_INCHES - 0.4 - legend) / height)
            bottom = (top - place["h"] * _ROW_INCHES + legend) / height
            axes = figure.add_axes((left, bottom, *size))
            axes.set_title(panel["title"], fontsize=10, loc="left")
            getattr(self, f"_{panel['type']}")(axes, panel)
        return figure

    def _timeseries(self, axes: Axes, panel: dict[str, Any]) -> None:
        drawn: list[tuple[str, Series]] = []
        for target in panel["targets"]:
            expr = expression(target, rate_seconds=self.rate_seconds)
            found = query_range(self.url, expr, start=self.start, end=self.end, step=self.step)
            drawn += [(one.name(target.get("legendFormat", "")), one) for one in found]
        if not drawn:
            self._nothing(axes, panel)
            return
        self._lines(axes, drawn, stacked=panel["fieldConfig"]["defaults"].get("custom", {}).get("stacking") is not None)
        defaults = panel["fieldConfig"]["defaults"]
        axes.set_xlim(datetime.fromtimestamp(self.start, UTC), datetime.fromtimestamp(self.end, UTC))  # type: ignore[arg-type]  # Dates are allowed.
        self._limit(axes, defaults)
        steps = defaults.get("thresholds", {}).get("steps", [])
        for at in (step["value"] for step in steps if step["value"] is not None):
            axes.axhline(at, color=_COLORS["red"], linestyle="--", linewidth=0.8)
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: formatted(value, defaults.get("unit", ""))))
        axes.tick_params(labelsize=7)
        axes.grid(visible=True, alpha=0.25)
        axes.legend(
            *self._first(axes), loc="upper center", bbox_to_anchor=(0.5, -0.14), ncols=4, fontsize=7, frameon=False
        )

    @staticmethod
    def _limit(axes: Axes, defaults: dict[str, Any]) -> None:
        """From 0 to the panel's maximum or the largest value, with room for lines that lie on the edges."""
        top = defaults.get("max") or (axes.dataLim.y1 if axes.dataLim.y1 > 0 else 1.0)
        axes.set_ylim(bottom=-0.02 * top, top=1.04 * top)
        if defaults.get("unit") == "bytes":
            axes.yaxis.set_major_locator(MultipleLocator(2.0 ** math.floor(math.log2(top / 3))))

    def _lines(self, axes: Axes, drawn: list[tuple[str, Series]], *, stacked: bool) -> None:
        moments = sorted({at for _, series in drawn for at, _ in series.points})
        times = [datetime.fromtimestamp(at, UTC) for at in moments]
        if stacked:
            values = [[dict(series.points).get(at, 0.0) for at in moments] for _, series in drawn]
            axes.stackplot(times, values, labels=[name for name, _ in drawn], alpha=0.7)  # type: ignore[arg-type]  # As above.
            return
        for name, series in drawn:
            known = dict(series.points)
            axes.plot(times, [known.get(at, math.nan) for at in moments], label=name, linewidth=1.3)  # type: ignore[arg-type]  # As above.

    @staticmethod
    def _first(axes: Axes) -> tuple[list[Any], list[str]]:
        handles, labels = axes.get_legend_handles_labels()
        return handles[:_MAX_LEGEND], labels[:_MAX_LEGEND]

    def _stat(self, axes: Axes, panel: dict[str, Any]) -> None:
        axes.set_axis_off()
        found = query(self.url, expression(panel["targets"][0], rate_seconds=self.rate_seconds))
        if not found:
            self._nothing(axes, panel)
            return
        defaults = panel["fieldConfig"]["defaults"]
        value = found[0].points[0][1]
        text = formatted(value, defaults.get("unit", ""))
        axes.text(0.5, 0.45, text, fontsize=22, ha="center", va="center", color=_color(value, defaults))

    def _bargauge(self, axes: Axes, panel: dict[str, Any]) -> None:
        target = panel["targets"][0]
        found = query(self.url, expression(target, rate_seconds=self.rate_seconds))
        axes.set_axis_off()
        if not found:
            self._nothing(axes, panel)
            return
        defaults = panel["fieldConfig"]["defaults"]
        rows = [(one.name(target.get("legendFormat", "")), one.points[0][1]) for one in found]
        longest = defaults.get("max") or max(value for _, value in rows) or 1.0
        for place, (name, value) in enumerate(rows):
            axes.barh(place, value / longest, left=0.45, color=_color(value, defaults), height=0.7)
            axes.text(0.44, place, name, fontsize=7, ha="right", va="center")
            axes.text(1.47, place, formatted(value, defaults.get("unit", "")), fontsize=7, ha="left", va="center")
        axes.set_xlim(0, 1.7)
        axes.set_ylim(max(len(rows), 5) - 0.4, -0.6)

    def _nothing(self, axes: Axes, panel: dict[str, Any]) -> None:
        self.empty.append(panel["title"])
        axes.set_axis_off()
        axes.text(0.5, 0.5, "No data", ha="center", va="center", color="#999999", transform=axes.transAxes)


def _color(value: float, defaults: dict[str, Any]) -> str:
    """The colour of the last step that the value reaches."""
    steps = defaults.get("thresholds", {}).get("steps", [])
    reached = [step["color"] for step in steps if step["value"] is None or value >= step["value"]]
    return _COLORS.get(reached[-1] if reached else "green", "#333333")


def main() -> int:
    """Writes FOLDER/DASHBOARD.png and names panels without data."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url", metavar="PROMETHEUS_URL")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--minutes", type=float, default=360.0, help="how far back (default: 6 hours)")
    parser.add_argument("--rate-seconds", type=int, default=60, help="for $__rate_interval: four scrapes (default: 60)")
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    now = time.time()
    for name, board in boards().items():
        start = now - arguments.minutes * 60
        drawing = Drawing(arguments.url, start=start, end=now, rate_seconds=arguments.rate_seconds)
        file = arguments.folder / f"{name}.png"
        drawing.draw(board).savefig(file)
        count = sum(1 for _ in panels_of(board))
        empty = f"; without data: {', '.join(drawing.empty)}" if drawing.empty else ""
        sys.stdout.write(f"{file}: {count} panels{empty}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())

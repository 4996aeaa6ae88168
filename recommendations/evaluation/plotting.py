"""Plots of evaluations: nDCG by length of the list, with published results as lines."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from recommendations.evaluation.report import EvaluationReport


def plot_report(report: EvaluationReport, path: Path) -> None:
    """Write a PNG of the report: the rows' curves if they have any, else the main metric with its interval."""
    # Imported here: matplotlib takes a second to load and most commands never plot.
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # noqa: PLC0415
    from matplotlib.figure import Figure  # noqa: PLC0415

    figure = Figure(figsize=(8, 5), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    if any(row.curve for row in report.rows):
        for row in report.rows:
            axes.plot(list(row.curve), list(row.curve.values()), marker="o", label=row.model)
        axes.set_xscale("log")
        cuts = sorted({cut for row in report.rows for cut in row.curve})
        axes.set_xticks(cuts, [str(cut) for cut in cuts])
        axes.minorticks_off()
        axes.set_xlabel(report.curve_over)
        axes.set_ylabel(report.curve_of)
    else:
        # Points, not bars: bars start at 0, which hides differences of a few hundredths.
        values = [row.figures[report.main_metric] for row in report.rows]
        sides = [(row.interval.low, row.interval.high) if row.interval else (np.nan, np.nan) for row in report.rows]
        reach = np.abs(np.array(sides).T - values)
        axes.errorbar([row.model for row in report.rows], values, yerr=reach, fmt="o", capsize=5)
        axes.margins(x=0.1, y=0.25)
        axes.set_ylabel(report.main_metric)
        axes.tick_params(axis="x", labelrotation=15)
    for published, style in zip(report.published, ("--", "-.", ":", (0, (1, 4)), (0, (6, 4))), strict=False):
        if (value := published.figures.get(report.main_metric)) is not None:
            label = f"{published.model}, published {report.main_metric} {value:.4f}"
            axes.axhline(value, color="grey", linestyle=style, linewidth=1, label=label)
    axes.set_title(f"{report.protocol}, {report.data}")
    axes.legend(fontsize="small")
    figure.savefig(path, dpi=130)

"""The report of recommendations: rates with intervals, by one dimension, as rows for a table, a file or a plot."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

from django.utils import timezone

from accounts.clients.models import Client
from events.attribution.dimensions import Dimension
from events.attribution.selectors import Outcomes, outcomes_by, outcomes_by_day, statistics_as_of

# The dimensions of a report, and the date.
CHOICES = ("total", "source", "position", "version", "arm", "client", "endpoint", "day")
PLOT_FORMATS = (".svg", ".png")


class Interval(NamedTuple):
    """A rate from 0 to 1 with its 95% interval by Wilson, which treats impressions as independent."""

    rate: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class ReportRow:
    """label: the value for people; the rates are None where nothing was shown."""

    label: str
    outcomes: Outcomes
    click_through: Interval | None
    watch_through: Interval | None

    def fields(self) -> dict[str, Any]:
        """The row for a file."""
        fields = asdict(self.outcomes) | {"label": self.label, "average_rating": self.outcomes.average_rating}
        for name in ("click_through", "watch_through"):
            interval: Interval | None = getattr(self, name)
            fields |= dict(zip((name, f"{name}_low", f"{name}_high"), interval or (None, None, None), strict=True))
        return fields


@dataclass(frozen=True, slots=True)
class Report:
    """since is a full hour; as_of: when the statistics were last counted, None if never."""

    by: str
    since: datetime
    until: datetime
    as_of: datetime | None
    rows: list[ReportRow]


def recommendations_report(*, days: int, by: str = "source", now: datetime | None = None) -> Report:
    """What came of the lists of the last ``days`` days by one of CHOICES; ``rows`` is empty if nothing was counted."""
    until = now or timezone.now()
    since = (until - timedelta(days=days)).replace(minute=0, second=0, microsecond=0)
    if by == "day":
        found = outcomes_by_day(since=since, until=until)
    else:
        found = outcomes_by(Dimension(by), since=since, until=until)
    if by == "position":
        found.sort(key=lambda row: int(row.value.rstrip("+").split("-")[0]))
    labels = _labels(by, found)
    return Report(by, since, until, statistics_as_of(), list(map(_row, labels, found)))


def wilson(successes: int, total: int) -> Interval | None:
    """The rate with its 95% interval; None without trials."""
    # Imported here: it takes most of a second to load.
    from scipy.stats import binomtest  # noqa: PLC0415

    if not total:
        return None
    bounds = binomtest(successes, total).proportion_ci(method="wilson")
    return Interval(successes / total, float(bounds.low), float(bounds.high))


def plot_report(report: Report, path: Path) -> None:
    """Writes a plot of both rates with their intervals, SVG or PNG by the file's ending."""
    # Imported here: matplotlib takes a second to load.
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # noqa: PLC0415
    from matplotlib.figure import Figure  # noqa: PLC0415

    figure = Figure(figsize=(9, 6), layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(2, 1, sharex=True)
    for axes, name in zip(panels, ("click_through", "watch_through"), strict=True):
        shown = [(row.label, getattr(row, name)) for row in report.rows if getattr(row, name) is not None]
        rates = [100 * interval.rate for _, interval in shown]
        below = [100 * (interval.rate - interval.low) for _, interval in shown]
        above = [100 * (interval.high - interval.rate) for _, interval in shown]
        axes.errorbar([label for label, _ in shown], rates, yerr=[below, above], fmt="o", capsize=4)
        axes.set_ylabel(f"{name.replace('_', '-')}, %")
        axes.set_ylim(bottom=0)
    panels[1].tick_params(axis="x", labelrotation=45 if len(report.rows) > 8 else 0)
    figure.suptitle(f"Recommendations by {report.by}, {report.since:%Y-%m-%d} to {report.until:%Y-%m-%d %H:%M} UTC")
    figure.savefig(path, dpi=130)


def _row(label: str, outcomes: Outcomes) -> ReportRow:
    rates = [wilson(successes, outcomes.impressions) for successes in (outcomes.opened, outcomes.watches)]
    return ReportRow(label, outcomes, *rates)


def _labels(by: str, found: Sequence[Outcomes]) -> list[str]:
    if by == "arm":
        return [f"{row.experiment}: {row.arm}" if row.experiment else "no experiment" for row in found]
    if by == "client":
        names = {str(pk): name for pk, name in Client.objects.values_list("pk", "name")}
        return [names.get(row.value, row.value) if row.value else "this site" for row in found]
    none = {"total": "all", "version": "no model"}.get(by, "none")
    return [row.value or none for row in found]

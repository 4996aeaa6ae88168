"""Panels and dashboards in the look that all share, built with Grafana's typed SDK."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from grafana_foundation_sdk.builders import bargauge, common, prometheus, stat, timeseries
from grafana_foundation_sdk.builders import dashboard as builders
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models import common as choices
from grafana_foundation_sdk.models import dashboard as models

# As in provisioning/datasources/recsys.yaml.
DATASOURCE = models.DataSourceRef(type_val="prometheus", uid="recsys-prometheus")
TAG = "recsys"
# The grid has 24 columns.
QUARTER, THIRD, HALF, WHOLE, SIXTH = 6, 8, 12, 24, 4
_HEIGHT, _LOW = 8, 4
_GREEN, _YELLOW, _RED = "green", "yellow", "red"

Query = tuple[str, str]
Panel = Builder[models.Panel]


def lines(
    title: str,
    unit: str,
    *queries: Query,
    about: str = "",
    width: int = THIRD,
    stacked: bool = False,
    top: float | None = None,
    limit: float | None = None,
) -> Panel:
    """Values over time. queries: (expression, legend); top: the end of the axis; limit: a red line, as of an alert."""
    panel = timeseries.Panel().title(title).unit(unit).min(0).span(width).height(_HEIGHT).datasource(DATASOURCE)
    panel = panel.legend(
        common.VizLegendOptions()
        .display_mode(choices.LegendDisplayMode.LIST)
        .placement(choices.LegendPlacement.BOTTOM)
        .show_legend(True)
    ).tooltip(common.VizTooltipOptions().mode(choices.TooltipDisplayMode.MULTI).sort(choices.SortOrder.DESCENDING))
    if about:
        panel = panel.description(about)
    if top is not None:
        panel = panel.max(top)
    if stacked:
        panel = panel.stacking(common.StackingConfig().mode(choices.StackingMode.NORMAL)).fill_opacity(40)
    if limit is not None:
        panel = panel.thresholds(_steps(red=limit)).thresholds_style(
            common.GraphThresholdsStyleConfig().mode(choices.GraphThresholdsStyleMode.DASHED)
        )
    return _with_queries(panel, queries)


def short_task(expression: str) -> str:
    """The expression with tasks' names without their package."""
    return f'label_replace({expression}, "task", "$1", "task", "workers.tasks.(.*)")'


def figure(
    title: str,
    unit: str,
    expression: str,
    *,
    about: str = "",
    width: int = SIXTH,
    yellow: float | None = None,
    red: float | None = None,
    decimals: int | None = None,
    low_is_bad: bool = False,
) -> Panel:
    """One number as it is now; from ``yellow`` and ``red`` on it has that colour (below them, if ``low_is_bad``)."""
    panel = stat.Panel().title(title).unit(unit).span(width).height(_LOW).datasource(DATASOURCE)
    panel = panel.reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]))
    panel = panel.color_mode(choices.BigValueColorMode.VALUE).graph_mode(choices.BigValueGraphMode.AREA)
    panel = panel.thresholds(_steps(yellow=yellow, red=red, low_is_bad=low_is_bad))
    if about:
        panel = panel.description(about)
    if decimals is not None:
        panel = panel.decimals(decimals)
    return _with_queries(panel, [(expression, "")])


def bars(
    title: str,
    unit: str,
    expression: str,
    legend: str,
    *,
    about: str = "",
    width: int = THIRD,
    red: float | None = None,
    top: float | None = None,
) -> Panel:
    """A bar for each series, as it is now."""
    panel = bargauge.Panel().title(title).unit(unit).min(0).span(width).height(_HEIGHT).datasource(DATASOURCE)
    panel = panel.orientation(choices.VizOrientation.HORIZONTAL).display_mode(choices.BarGaugeDisplayMode.BASIC)
    panel = panel.reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"])).thresholds(_steps(red=red))
    if about:
        panel = panel.description(about)
    if top is not None:
        panel = panel.max(top)
    return _with_queries(panel, [(expression, legend)])


def dashboard(uid: str, title: str, about: str, rows: Mapping[str, Sequence[Panel]]) -> models.Dashboard:
    """A dashboard of rows with panels, with links to the others."""
    links = builders.DashboardLink("Recommender").type(models.DashboardLinkType.DASHBOARDS).tags([TAG]).keep_time(True)
    board = builders.Dashboard(title).uid(uid).description(about).tags([TAG]).links([links]).readonly()
    board = board.refresh("30s").time("now-6h", "now").timezone("browser")
    board = board.tooltip(models.DashboardCursorSync.CROSSHAIR)
    for name, panels in rows.items():
        board = board.with_row(builders.Row(name))
        for panel in panels:
            board = board.with_panel(panel)
    return _numbered(board.build())


def _with_queries(panel: Any, queries: Sequence[Query]) -> Panel:
    for letter, (expression, legend) in zip("ABCDEFGH", queries, strict=False):
        query = prometheus.Dataquery().expr(expression).ref_id(letter).datasource(DATASOURCE)
        query = query.range() if isinstance(panel, timeseries.Panel | stat.Panel) else query.instant()
        panel = panel.with_target(query.legend_format(legend) if legend else query)
    built: Panel = panel
    return built


def _steps(
    *, yellow: float | None = None, red: float | None = None, low_is_bad: bool = False
) -> builders.ThresholdsConfig:
    """Colours by value; the first step has no lower end."""
    if low_is_bad:
        bounds = [(None, _RED), (red, _YELLOW if yellow is not None else _GREEN), (yellow, _GREEN)]
        steps = [bounds[0], *((at, color) for at, color in bounds[1:] if at is not None)]
    else:
        bounds = [(None, _GREEN), (yellow, _YELLOW), (red, _RED)]
        steps = [bounds[0], *((at, color) for at, color in bounds[1:] if at is not None)]
    config = builders.ThresholdsConfig().mode(models.ThresholdsMode.ABSOLUTE)
    return config.steps([models.Threshold(value=at, color=color) for at, color in steps])


def _numbered(board: models.Dashboard) -> models.Dashboard:
    """Links to a panel name its id, which must stay."""
    for number, panel in enumerate(board.panels or [], start=1):
        panel.id_val = number
    return board

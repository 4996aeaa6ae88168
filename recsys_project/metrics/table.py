"""The table of all metrics in docs/operations.md, read from the source: ``python -m recsys_project.metrics.table``.

The source, since a gauge exists only while there is something to say. Every metric is made by a call whose first
argument is its name.
"""

import ast
import importlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from django.conf import settings
from django_prometheus.db import metrics as database_metrics
from prometheus_client.metrics import MetricWrapperBase

BEGIN, END = "<!-- metrics: begin -->", "<!-- metrics: end -->"
_TYPES = {
    "Counter": "counter",
    "Metric": "counter",
    "CounterMetricFamily": "counter",
    "Histogram": "histogram",
    "Gauge": "gauge",
    "GaugeMetricFamily": "gauge",
    "gauge": "gauge",
    "gauges": "gauge",
}
_PREFIXES = ("recsys_", "process_")
_APPS = ("recsys_project", "workers", "recommendations", "events", "movies", "accounts")


@dataclass(frozen=True, slots=True, order=True)
class Described:
    """A metric as it is defined; labels in the order of the definition."""

    name: str
    kind: str
    labels: tuple[str, ...]
    text: str


def described_metrics() -> list[Described]:
    """All metrics of the project, by name."""
    own = {metric for path in _sources() for metric in _metrics_of(path)}
    return sorted(own | set(_of_the_database()))


def table() -> str:
    """All metrics as a Markdown table."""
    rows = [
        f"| `{metric.name}` | {metric.kind} | {', '.join(f'`{label}`' for label in metric.labels)} | {metric.text} |"
        for metric in described_metrics()
    ]
    return "\n".join(["| metric | type | labels | what it says |", "|---|---|---|---|", *rows])


def _of_the_database() -> Iterator[Described]:
    """What django-prometheus counts in ``recsys_project.postgresql``."""
    for metric in vars(database_metrics).values():
        if isinstance(metric, MetricWrapperBase):
            name = f"{metric._name}_total" if metric._type == "counter" else metric._name
            yield Described(name, str(metric._type), tuple(metric._labelnames), metric._documentation)


def _sources() -> Iterator[Path]:
    for app in _APPS:
        for path in sorted((settings.BASE_DIR / app).rglob("*.py")):
            text = path.read_text()
            if "prometheus_client" in text or "metrics.state" in text:
                yield path


def _metrics_of(path: Path) -> Iterator[Described]:
    tree = ast.parse(path.read_text())
    calls = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in _TYPES and node.args
    ]
    calls = [call for call in calls if _is_name(call.args[0])]
    if not calls:
        return
    module = importlib.import_module(".".join(path.relative_to(settings.BASE_DIR).with_suffix("").parts))
    assigned = [node for node in ast.walk(tree) if isinstance(node, ast.Assign)]
    for call in calls:
        assert isinstance(call.func, ast.Name)  # noqa: S101 -- chosen above.
        kind = _TYPES[call.func.id]

        def value(node: ast.expr | None, line: int = call.lineno) -> Any:
            return None if node is None else _value(node, module, assigned, line)

        name, text = str(value(call.args[0])), str(value(call.args[1]))
        if call.func.id == "gauges":
            labels: Any = [value(call.args[2])]
        else:
            named = next((word.value for word in call.keywords if word.arg == "labels"), None)
            given = call.args[2] if kind != "gauge" and len(call.args) > 2 else named
            given = call.args[2] if call.func.id == "Gauge" and len(call.args) > 2 else given
            labels = value(given) or []
        if kind == "counter" and not name.endswith("_total"):
            name += "_total"
        yield Described(name, kind, tuple(labels), " ".join(text.split()))


def _is_name(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.startswith(_PREFIXES)


def _value(node: ast.expr, module: ModuleType, assigned: list[ast.Assign], line: int) -> Any:
    """What an argument is; a local name is what was last assigned to it above this line."""
    if isinstance(node, ast.Name) and not hasattr(module, node.id):
        above = [one for one in assigned if one.lineno < line and _assigns(one, node.id)]
        node = max(above, key=lambda one: one.lineno).value
    return eval(compile(ast.Expression(node), module.__name__, "eval"), vars(module))  # noqa: S307  # nosec B307 -- our own source.


def _assigns(node: ast.Assign, name: str) -> bool:
    return any(isinstance(target, ast.Name) and target.id == name for target in node.targets)


if __name__ == "__main__":
    import django

    django.setup()
    document = settings.BASE_DIR / "docs" / "operations.md"
    before, _, rest = document.read_text().partition(BEGIN)
    document.write_text(f"{before}{BEGIN}\n{table()}\n{END}{rest.partition(END)[2]}")

"""The panels and expressions of the dashboards' files, and a Prometheus that answers them."""

from __future__ import annotations

import json
import re
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent / "dashboards"
_LABEL = re.compile(r"{{\s*(\w+)\s*}}")
_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Series:
    """labels without those of the recording rule's name; points: (seconds since 1970, value), NaN included."""

    labels: Mapping[str, str]
    points: list[tuple[float, float]]

    def name(self, legend: str) -> str:
        """What the legend calls it: the template with its labels, or all labels without one."""
        if not legend:
            return ", ".join(f"{key}={value}" for key, value in self.labels.items() if key != "__name__")
        return _LABEL.sub(lambda found: self.labels.get(found[1], ""), legend).strip()


def boards() -> dict[str, dict[str, Any]]:
    """Each dashboard's JSON, by the name of its file."""
    return {path.stem: json.loads(path.read_text()) for path in sorted(FOLDER.glob("*.json"))}


def panels_of(board: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The panels that show something; rows are none."""
    yield from (panel for panel in board["panels"] if panel["type"] != "row")


def expression(target: Mapping[str, Any], *, rate_seconds: int) -> str:
    """The expression of a panel's query, with Grafana's variable replaced as Grafana does."""
    return str(target["expr"]).replace("$__rate_interval", f"{rate_seconds}s")


def query(url: str, expr: str) -> list[Series]:
    """The value of an expression now. Raises ValueError if Prometheus refuses it, OSError if it does not answer."""
    found = _ask(url, "query", {"query": expr})
    if found["resultType"] == "scalar":
        return [Series({}, [_point(found["result"])])]
    return [Series(one["metric"], [_point(one["value"])]) for one in found["result"]]


def query_range(url: str, expr: str, *, start: float, end: float, step: float) -> list[Series]:
    """The values of an expression over time; times in seconds. Raises as ``query`` does."""
    given = {"query": expr, "start": str(start), "end": str(end), "step": str(step)}
    found = _ask(url, "query_range", given)
    return [Series(one["metric"], [_point(point) for point in one["values"]]) for one in found["result"]]


def _point(point: list[Any]) -> tuple[float, float]:
    return float(point[0]), float(point[1])


def _ask(url: str, what: str, given: Mapping[str, str]) -> dict[str, Any]:
    if not url.startswith(("http://", "https://")):
        raise ValueError(f"{url} is no address of a Prometheus.")
    address = f"{url.rstrip('/')}/api/v1/{what}"
    request = urllib.request.Request(address, data=urllib.parse.urlencode(given).encode())  # noqa: S310 -- checked above.
    try:
        with urllib.request.urlopen(request, timeout=_SECONDS) as answer:  # noqa: S310 -- the same.
            data: dict[str, Any] = json.load(answer)["data"]
            return data
    except urllib.error.HTTPError as error:
        raise ValueError(f"{given['query']}: {error.read().decode()}") from error

"""Writes the dashboards as Grafana reads them: ``python -m deploy.grafana.build`` (``--check``: only compares)."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import Dashboard

from deploy.grafana.batch import batch
from deploy.grafana.events import events
from deploy.grafana.infrastructure import infrastructure
from deploy.grafana.overview import overview
from deploy.grafana.serving import serving

FOLDER = Path(__file__).parent / "dashboards"
DASHBOARDS = (overview, serving, batch, events, infrastructure)


def dashboard_json(dashboard: Dashboard) -> str:
    """The file of a dashboard."""
    return json.dumps(dashboard, cls=JSONEncoder, indent=2, sort_keys=True) + "\n"


def files() -> dict[Path, str]:
    """What each file must hold."""
    return {FOLDER / f"{build.__name__}.json": dashboard_json(build()) for build in DASHBOARDS}


def main() -> int:
    """Writes what differs and says so; with --check returns 1 instead."""
    wanted = files()
    stale = [path for path in wanted if not path.exists() or path.read_text() != wanted[path]]
    stale += [path for path in FOLDER.glob("*.json") if path not in wanted]
    for path in stale:
        sys.stdout.write(f"{path.relative_to(FOLDER.parent)} differs\n")
        if "--check" in sys.argv[1:]:
            continue
        if path in wanted:
            path.write_text(wanted[path])
        else:
            path.unlink()
    return int(bool(stale) and "--check" in sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())

"""What hourly attribution reads of the table of events, which may hold many millions of rows."""

import json

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from events.attribution.services import statistics_refresh
from tests.unit.events.attribution.rows import act, ago, show

pytestmark = pytest.mark.django_db


def scans(plan: dict) -> set[tuple[str, str]]:
    """How a plan reads events_interaction: (kind of scan, index)."""
    found = {scan for below in plan.get("Plans", []) for scan in scans(below)}
    if plan.get("Relation Name") == "events_interaction" or "interaction" in plan.get("Index Name", ""):
        found.add((plan["Node Type"], plan.get("Index Name", "")))
    return found


def plans_of(statements: list[str]) -> set[tuple[str, str]]:
    found = set()
    with connection.cursor() as cursor:
        # So that a small table is read as a large one.
        cursor.execute("SET LOCAL enable_seqscan = off")
        for statement in statements:
            cursor.execute(f"EXPLAIN (FORMAT JSON) {statement}")
            plan = cursor.fetchone()[0]
            found |= scans((json.loads(plan) if isinstance(plan, str) else plan)[0]["Plan"])
    return found


def test_no_run_reads_the_whole_table_of_events(cast):
    show(cast.bob, [cast["Heat"]], ago(hours=2))
    act(cast.bob, cast["Heat"], "click", ago(hours=1))
    with CaptureQueriesContext(connection) as captured:
        statistics_refresh()
    joining = [query["sql"] for query in captured if "events_recommendationoutcome" in query["sql"]]
    found = plans_of(joining)

    assert not {scan for scan in found if scan[0] == "Seq Scan"}
    assert {"interaction_undone_at", "interaction_received_at"} <= {index for _, index in found}

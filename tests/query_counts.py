"""Compares how many SQL statements and round trips to Redis something costs with what query_counts.json has."""

import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from recommendations.retrieval import database_state
from tests.redis_trips import recorded_trips

FILE = Path(__file__).with_name("query_counts.json")
UPDATE = "UPDATE_QUERY_COUNTS"
HOW_TO_UPDATE = f"""
Where the new numbers are meant, write them into tests/{FILE.name} and commit it:
    {UPDATE}=1 ./bin/test tests/unit/recsys_project/test_query_counts.py"""


def statements(ask: Callable[[], Any], *, read_state: bool = True) -> list[str]:
    """The SQL that ``ask`` costs, BEGIN and COMMIT among it.

    Each process reads the database's state once a second, whoever asks: it is read just before and is not in here,
    unless the caller has read it.
    """
    if read_state:
        database_state.clear_cache()
        database_state.catalogue_token()
    with CaptureQueriesContext(connection) as queries:
        ask()
    # Django cannot say what a prepared cursor sent.
    return [" ".join((query["sql"] or "A prepared statement").split()) for query in queries]


def trips_to_redis(ask: Callable[[], Any]) -> list[str]:
    """The commands of each round trip to Redis that ``ask`` costs; the database's state is as for ``statements``."""
    database_state.clear_cache()
    database_state.catalogue_token()
    with recorded_trips() as trips:
        ask()
    return trips


def compare(section: str, found: Mapping[str, list[str]], file: Path = FILE) -> None:
    """Fails unless what was ``found`` is, by name and number, what the file's section has; with UPDATE_QUERY_COUNTS
    set, writes the section instead."""
    committed: dict[str, dict[str, int]] = json.loads(file.read_text()) if file.exists() else {}
    counts = {name: len(sql) for name, sql in found.items()}
    if os.environ.get(UPDATE):
        file.write_text(json.dumps(committed | {section: counts}, indent=2, sort_keys=True) + "\n")
        return
    expected = committed.get(section, {})
    problems = [
        "\n    ".join(
            [_difference(name, expected.get(name), counts.get(name)), *(sql[:200] for sql in found.get(name, []))]
        )
        for name in sorted(expected.keys() | counts.keys())
        if expected.get(name) != counts.get(name)
    ]
    if problems:
        pytest.fail("\n".join([f"Costs, {section}:", *problems, HOW_TO_UPDATE]), pytrace=False)


def _difference(name: str, expected: int | None, found: int | None) -> str:
    wanted = "nothing, it is not in the file" if expected is None else expected
    return f"{name}: expected {wanted}, found {'nothing, nobody asks for it' if found is None else found}"

"""The log lines of answers that the fast path gives."""

import pytest

from recsys_project.fast_path.records import Records
from recsys_project.fast_path.shared import SharedRoutes

IDS = [f"request-{number}" for number in range(200)]


def written(log_lines, *, cached: bool) -> list[dict]:
    """The lines of 200 answers."""
    route = SharedRoutes().at("/api/movies/7/")
    assert route is not None
    records = Records()
    for request_id in IDS:
        records.add(route, status=200, seconds=0.001, members='"user_id": 7', request_id=request_id, cached=cached)
    records.write()
    return log_lines()


def test_every_answer_has_a_line(log_lines):
    lines = written(log_lines, cached=True)

    assert [line["request_id"] for line in lines] == IDS
    assert {"sample", "exception"}.isdisjoint(lines[0])


def test_a_share_of_cached_answers_is_logged(log_lines, settings):
    settings.LOG_CACHED_SAMPLE = 0.25

    lines = written(log_lines, cached=True)

    assert 25 < len(lines) < 75
    assert {line["sample"] for line in lines} == {0.25}


@pytest.mark.parametrize("share", [0, 0.25])
def test_computed_answers_are_always_logged(log_lines, settings, share):
    settings.LOG_CACHED_SAMPLE = share

    lines = written(log_lines, cached=False)

    assert len(lines) == len(IDS)
    assert "sample" not in lines[0]

"""What hot paths cost in instructions of Python, against tests/performance_baseline.json."""

import json
import select
from collections.abc import Callable
from typing import Any

import pytest
from django.urls import reverse

from accounts.models import User
from events.services import interaction_record
from recsys_project.fast_path import watch
from recsys_project.fast_path.lane import Lane
from recsys_project.fast_path.watch import Watch
from recsys_project.request_reader import RequestReader
from tests.factories import Cast, client_of
from tests.instruction_counts import PYTHON, compare, instructions
from tests.query_counts import UPDATE

LIST = "/api/recommendations/"
ROUNDS = 3


class Client:
    """A connection of a web worker, as far as the lane sees it."""

    def __init__(self, request: bytes) -> None:
        self.reader = RequestReader(1000)
        self.reader.feed(request)
        self.client = ("127.0.0.1", 40_000)


class FastPath:
    """A lane in this process, whose main loop is ``get``."""

    def __init__(self) -> None:
        self.answers: list[bytes | None] = []
        self.lane = Lane(lambda connection, answer: self.answers.append(answer), lambda work, then: then(work()))
        self.watch = Watch(self.lane, lambda run: run(), lambda: None)

    def get(self, request: bytes) -> bytes | None:
        """The answer; None if Django has to answer."""
        if not self.lane.offer(Client(request)):
            return None
        self.lane.flush()
        assert self.lane.link is not None
        select.select([self.lane.link.fileno()], [], [], 30)
        self.lane.read()
        return self.answers.pop()


@pytest.fixture
def fast_path(committed_cast: Cast, monkeypatch: pytest.MonkeyPatch) -> FastPath:
    path = FastPath()
    path.watch._poll()
    monkeypatch.setattr(watch, "_running", path.lane)
    return path


def cost(run: Callable[[], Any], prepare: Callable[[], Any] = lambda: None) -> int:
    """The least of several runs, after one that warms up; each is prepared."""
    counts = []
    for _ in range(1 + ROUNDS):
        prepare()
        counts.append(instructions(run))
    return min(counts[1:])


def views(user: User, movie_id: int) -> Callable[[], object]:
    """What drops the person's list."""
    return lambda: interaction_record(user=user, movie_id=movie_id, kind="view")


def test_hot_paths_run_as_few_instructions_as_committed(committed_cast, fast_path):
    alice, heat = committed_cast.alice, committed_cast["Heat"].pk
    client, guest = client_of(alice), client_of()

    def get(path: str, who: Any = guest) -> Callable[[], None]:
        def ask() -> None:
            assert who.get(path).status_code == 200

        return ask

    def event() -> None:
        body = {"movie": heat, "kind": "view"}
        assert client.post(reverse("events:list"), body, format="json").status_code == 201

    def cached() -> None:
        fast_path.watch._poll()

    authorization = client._credentials["HTTP_AUTHORIZATION"]
    request = f"GET {LIST}?limit=20 HTTP/1.1\r\nHost: localhost\r\nAuthorization: {authorization}\r\n\r\n".encode()

    def lane() -> None:
        answer = fast_path.get(request)
        assert answer is not None
        assert answer.startswith(b"HTTP/1.1 200")

    found = {
        "list, computed": cost(get(LIST, client), views(alice, heat)),
        "list, cached, by Django": cost(get(LIST, client)),
        "list, cached, by the fast path": cost(lane, cached),
        "popular, cached": cost(get("/api/recommendations/popular/")),
        "similar, cached": cost(get(f"/api/movies/{heat}/similar/")),
        "search, cached": cost(get("/api/movies/search/?q=heat")),
        "movie": cost(get(f"/api/movies/{heat}/")),
        "event": cost(event),
    }

    compare(found)


def test_more_instructions_than_the_tolerance_fail_by_name(tmp_path, monkeypatch):
    monkeypatch.delenv(UPDATE, raising=False)
    file = tmp_path / "baseline.json"
    file.write_text(json.dumps({PYTHON: {"same": 100, "within": 100, "more": 1000, "gone": 5}}))

    with pytest.raises(pytest.fail.Exception) as failure:
        compare({"same": 100, "within": 109, "more": 1200, "new": 7}, file)

    message = str(failure.value)
    assert "more: 1,200 instructions, 20% more than 1,000" in message
    assert "new: not in the baseline" in message
    assert "gone: in the baseline, not measured" in message
    assert f"{UPDATE}=1" in message
    assert "same" not in message
    assert "within" not in message


def test_another_python_is_not_compared(tmp_path, monkeypatch):
    monkeypatch.delenv(UPDATE, raising=False)
    file = tmp_path / "baseline.json"
    file.write_text(json.dumps({"2.7": {"a": 1}}))

    with pytest.raises(pytest.skip.Exception, match="no numbers of Python"):
        compare({"a": 5}, file)


def test_updating_keeps_the_numbers_of_other_pythons(tmp_path, monkeypatch):
    monkeypatch.setenv(UPDATE, "1")
    file = tmp_path / "baseline.json"
    file.write_text(json.dumps({"2.7": {"a": 1}, PYTHON: {"gone": 1}}))

    compare({"a": 5}, file)

    assert json.loads(file.read_text()) == {"2.7": {"a": 1}, PYTHON: {"a": 5}}


def test_a_loop_that_runs_longer_has_more_instructions():
    def loop(times: int) -> Callable[[], None]:
        def run() -> None:
            for _ in range(times):
                pass

        return run

    assert instructions(loop(1000)) > 1.9 * instructions(loop(500))
    assert instructions(loop(1000)) == instructions(loop(1000))

"""Answers that are the same for everybody: what is held, under which state, and for how long."""

import time

import pytest
from django.contrib.auth.models import AnonymousUser
from django.http import HttpResponse
from django.test import RequestFactory

from recommendations.discovery.stamped_cache import cached, noting_expiries
from recommendations.retrieval.database_state import DatabaseState
from recsys_project.fast_path.shared import SharedAnswers, SharedRoutes

STATE = DatabaseState(b"1:2", b"token", 0.0)
PAGE = "/api/movies/7/"


def soon() -> float:
    return time.time() + 5


def learnt(path: str, *, until: tuple[float, ...] = (), status: int = 200, headers: dict | None = None, **meta) -> bool:
    """Whether an answer of this path is held."""
    routes = SharedRoutes()
    route = routes.at(path.partition("?")[0])
    given = {"Allow": "GET, HEAD, OPTIONS"} | (headers or {})
    response = HttpResponse(b"{}", status=status, content_type="application/json", headers=given)
    request = RequestFactory().get(path, **meta)
    request.user = AnonymousUser()
    route.learn(request, response, state=STATE, until=until)
    return any(routes.answers.get(target.encode(), STATE) for target in (path, f"{path}?"))


def test_an_answer_is_good_under_its_state_only():
    answers = SharedAnswers()
    for other in (STATE._replace(text=b"1:3"), STATE._replace(token=b"other")):
        answers.put(b"/?", b"{}", STATE, soon())
        assert answers.get(b"/?", STATE) == b"{}"
        assert answers.get(b"/?", other) is None
        assert answers.get(b"/?", STATE) is None


def test_an_answer_expires():
    answers = SharedAnswers()
    answers.put(b"/?", b"{}", STATE, time.time() - 1)
    assert answers.get(b"/?", STATE) is None


def test_the_least_used_answers_leave_when_memory_is_full():
    answers = SharedAnswers(max_bytes=3000)
    for target in (b"a", b"b", b"c"):
        answers.put(target, b"x" * 500, STATE, soon())
        answers.get(b"a", STATE)
    assert [answers.get(target, STATE) is not None for target in (b"a", b"b", b"c")] == [True, False, True]
    answers.put(b"d", b"x" * 5000, STATE, soon())
    assert answers.get(b"d", STATE) is None


@pytest.mark.parametrize("path", ["/api/recommendations/popular/?limit=3", PAGE, f"{PAGE}similar/", "/api/genres/"])
def test_a_plain_answer_is_held(path):
    assert learnt(path)
    assert learnt(path, until=(soon(),))


@pytest.mark.parametrize(
    "unusual",
    [
        {"status": 404},
        {"headers": {"Cache-Control": "private, no-store"}},
        {"headers": {"Set-Cookie": "a=b"}},
        {"until": (0.0,)},
        {"HTTP_AUTHORIZATION": "Bearer x"},
    ],
)
def test_nothing_else_is_held(unusual):
    assert not learnt(PAGE, **unusual)


def test_a_page_with_a_parameter_is_not_held():
    assert not learnt(f"{PAGE}?user=me")
    assert not learnt(f"/api/movies/search/?q={'x' * 400}")


@pytest.mark.parametrize("path", ["/api/movies/", "/api/movies/x/", "/api/movies/1/other/", "/api/movies/12345678901/"])
def test_other_paths_have_no_route(path):
    assert SharedRoutes().at(path) is None


@pytest.mark.django_db
def test_a_hit_expires_when_the_entry_does():
    name = f"test:{time.time()}"
    with noting_expiries() as first:
        cached(name, 5, lambda: 1)
    with noting_expiries() as second:
        cached(name, 5, lambda: 2)
    assert first == second
    assert time.time() < first[0] <= soon()

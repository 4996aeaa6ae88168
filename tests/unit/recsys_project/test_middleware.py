"""The request id and the request's line in the log."""

import json
import logging
import uuid

import pytest
from django.test import Client

from recsys_project.log_sampling import is_sampled
from tests.factories import client_of, make_movie, make_popular, make_user

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.unit.recsys_project.urls_that_fail")]


@pytest.fixture
def browser() -> Client:
    return Client(raise_request_exception=False)


@pytest.mark.parametrize("given", ["a", "client-7.request_1", "x" * 128])
def test_a_valid_id_is_kept(browser, given):
    assert browser.get("/api/fine/", HTTP_X_REQUEST_ID=given)["X-Request-ID"] == given


@pytest.mark.parametrize("given", ["", " ", "two words", "x" * 129, "line\nbreak", '{"a":1}', "é"])
def test_any_other_id_is_replaced_by_a_uuid(browser, given):
    answered = browser.get("/api/fine/", HTTP_X_REQUEST_ID=given)["X-Request-ID"]

    assert answered != given
    assert str(uuid.UUID(answered)) == answered


def test_two_requests_have_two_ids(browser):
    assert browser.get("/api/fine/")["X-Request-ID"] != browser.get("/api/fine/")["X-Request-ID"]


def test_a_request_has_one_log_line_with_route_status_and_person(log_lines):
    user = make_user()

    client_of(user).get("/api/events/?kind=like", HTTP_X_REQUEST_ID="mine")

    (line,) = [line for line in log_lines() if line["event"] == "request_finished"]
    assert line["duration_ms"] >= 0
    assert {key: line[key] for key in ("request_id", "method", "route", "status", "user_id", "level")} == {
        "request_id": "mine",
        "method": "GET",
        "route": "api/events/",
        "status": 200,
        "user_id": user.pk,
        "level": "info",
    }
    assert "like" not in json.dumps(line)


def test_the_line_has_the_route_and_not_what_was_in_the_path(browser, log_lines):
    browser.get("/api/rest/invalid/")

    (line,) = [line for line in log_lines() if line["event"] == "request_finished"]
    assert line["route"] == "api/rest/<str:kind>/"
    assert line["status"] == 400


def test_a_crash_is_logged_once_without_local_variables(browser, log_lines):
    browser.get("/api/plain/crash/", HTTP_X_REQUEST_ID="crashed")

    written = log_lines()
    (traceback,) = [line for line in written if "exception" in line]
    assert traceback["request_id"] == "crashed"
    assert "RuntimeError: the secret of the crash" in traceback["exception"]
    assert [line["status"] for line in written if line["event"] == "request_finished"] == [500]
    assert {line.get("request_id") for line in written} == {"crashed"}


def test_an_id_does_not_leak_into_the_next_request_or_beyond(browser, log_lines):
    browser.get("/api/fine/", HTTP_X_REQUEST_ID="first")
    log_lines()

    logging.getLogger("anything").warning("between")
    browser.get("/api/fine/")

    assert "first" not in json.dumps(log_lines())


def test_lists_from_the_cache_are_logged_as_a_sample(log_lines, settings):
    settings.LOG_CACHED_SAMPLE = 0
    make_popular([make_movie()])
    client = client_of(make_user())
    for _ in range(2):
        assert client.get("/api/recommendations/").status_code == 200
    assert client.get("/api/recommendations/?limit=none").status_code == 400

    lines = [line for line in log_lines() if line["event"] == "request_finished"]

    assert [(line["status"], line.get("list")) for line in lines] == [(200, "miss"), (400, None)]
    settings.LOG_CACHED_SAMPLE = 0.5
    ids = [f"request-{number}" for number in range(20)]
    for request_id in ids:
        client.get("/api/recommendations/", HTTP_X_REQUEST_ID=request_id)
    lines = [line for line in log_lines() if line["event"] == "request_finished"]
    assert [line["request_id"] for line in lines] == [one for one in ids if is_sampled(one, 0.5)]
    assert {line["sample"] for line in lines} == {0.5}

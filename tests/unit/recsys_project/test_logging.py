"""Every log line is one JSON object, and tracebacks hold no local variables."""

import json
import logging
import subprocess
import sys
import threading
from urllib.parse import quote

import pytest
import structlog
from django.core import signing
from django.http import HttpResponse
from django.test import Client
from django.utils.log import log_response

from recsys_project.log_sampling import is_sampled
from recsys_project.logging import LoggedLines


def fail() -> None:
    password = "hunter2 in a local variable"
    raise ValueError(f"of length {len(password)}")


@pytest.mark.parametrize("logger", [structlog.get_logger("own"), logging.getLogger("library")])
def test_a_traceback_has_no_local_variables(log_lines, logger):
    try:
        fail()
    except ValueError:
        logger.exception("it failed")

    (line,) = log_lines()
    assert "ValueError: of length" in line["exception"]
    assert "in fail" in line["exception"]
    assert "hunter2" not in json.dumps(line).replace('password = \\"hunter2 in a local variable\\"', "")
    assert isinstance(line["exception"], str)


@pytest.mark.parametrize("name", ["django", "django.server", "celery", "celery.task", "gunicorn.error", "any.library"])
def test_the_standard_librarys_loggers_write_json_once(log_lines, name):
    logging.getLogger(name).warning("a %s", "line\nof two")

    (line,) = log_lines()
    assert line["event"] == "a line\nof two"
    assert line["logger"] == name
    assert line["level"] == "warning"
    assert line["timestamp"].endswith("Z")


def test_bound_context_is_in_the_lines_of_libraries_too(log_lines):
    with structlog.contextvars.bound_contextvars(request_id="bound"):
        logging.getLogger("any.library").warning("hello")

    assert log_lines()[0]["request_id"] == "bound"


def test_below_the_level_nothing_is_written(log_lines):
    structlog.get_logger("own").debug("unheard")
    logging.getLogger("library").debug("unheard")

    assert log_lines() == []


@pytest.mark.parametrize("name", ["django.security.DisallowedHost", "gunicorn.access"])
def test_what_is_kept_out_of_the_log_is_not_printed_either(log_lines, name, capfd):
    logging.getLogger(name).error("kept out")

    assert log_lines() == []
    assert capfd.readouterr() == ("", "")


_PROGRAM = """
import logging, sys, threading, warnings
from recsys_project.logging import configure_structlog, log_everything, logging_config
configure_structlog()
log_everything()
logging.getLogger("early").warning("before logging is set up")
{setup}
print("printed\\nin two lines", file=sys.stderr)
warnings.warn("a warning", stacklevel=1)
logging.getLogger("library").warning("%d is no number", "x")
thread = threading.Thread(target=lambda: 1 / 0, name="busy")
thread.start()
thread.join()
class Broken:
    def __del__(self):
        raise KeyError("in a finalizer")
Broken()
raise ValueError("the end")
"""


@pytest.mark.parametrize("setup", ["", "logging.config.dictConfig(logging_config('INFO'))"])
def test_what_nobody_logs_is_json_too(setup):
    program = _PROGRAM.format(setup=f"import logging.config\n{setup}")
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)

    assert ended.returncode == 1
    lines = [json.loads(line) for line in ended.stderr.splitlines()]
    assert [line["event"] for line in lines[:3]] == ["before logging is set up", "printed", "in two lines"]
    exceptions = [line["exception"].splitlines()[-1] for line in lines if "exception" in line]
    assert exceptions == ["ZeroDivisionError: division by zero", "KeyError: 'in a finalizer'", "ValueError: the end"]
    assert [line["thread_name"] for line in lines if "thread_name" in line] == ["busy"]
    (warning,) = [line for line in lines if line["logger"] == "py.warnings"]
    assert (warning["event"], warning["warning"], warning["at"]) == ("a warning", "UserWarning", "<string>:10")


def test_lines_that_two_threads_print_at_once_stay_apart(log_lines):
    stderr = LoggedLines(sys.stderr)
    stderr.write("begun here, ")
    other = threading.Thread(target=stderr.write, args=["a line of another thread\n"])
    other.start()
    other.join()
    stderr.write("and ended\n")

    assert [line["event"] for line in log_lines()] == ["a line of another thread", "begun here, and ended"]


def test_a_last_line_without_an_end_is_logged_too():
    program = (
        "import sys; from recsys_project.logging import *; configure_structlog(); log_everything();"
        " sys.stderr.write('cut short')"
    )
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)

    assert [json.loads(line)["event"] for line in ended.stderr.splitlines()] == ["cut short"]


@pytest.mark.django_db
@pytest.mark.parametrize("kind", ["register", "reset"])
def test_no_line_has_the_token_of_a_mailed_link(log_lines, kind):
    """Its form may be refused, or its answer a 503, while the link is still good."""
    token = signing.dumps([kind, 1], salt="accounts.links")

    refused = Client(enforce_csrf_checks=True).post(f"/accounts/{kind}/{token}/", {"password": "x"})
    log_response("Service Unavailable: %s", f"/accounts/{kind}/{quote(token)}/", response=HttpResponse(status=503))

    lines = [json.dumps(line, ensure_ascii=False) for line in log_lines()]
    assert refused.status_code == 403
    assert sum(f"/accounts/{kind}/…/" in line for line in lines) == 1
    assert not any(part in line for line in lines for part in token.split(":"))


@pytest.mark.django_db
def test_no_line_has_the_query_string_of_a_request(log_lines, monkeypatch):
    refused = Client(enforce_csrf_checks=True).post("/admin/login/?next=anna@example.org", {"a": "b"})
    monkeypatch.setattr("recommendations.api.discovery_views.search_list", None)
    failed = Client(raise_request_exception=False).get("/api/movies/search/?q=anna@example.org")

    assert (refused.status_code, failed.status_code) == (403, 500)
    lines = log_lines()
    events = [line["event"] for line in lines]
    assert any(event.startswith("Forbidden (CSRF") and event.endswith(": admin/login/") for event in events)
    assert "Internal Server Error: api/movies/search/" in events
    assert "anna" not in json.dumps(lines)
    assert not any("request" in line for line in lines)


def test_the_sample_of_cached_answers_follows_their_ids():
    ids = [f"request-{number}" for number in range(1000)]

    sampled = [one for one in ids if is_sampled(one, 0.1)]

    assert 50 < len(sampled) < 150
    assert sampled == [one for one in ids if is_sampled(one, 0.1)]
    assert set(sampled) < {one for one in ids if is_sampled(one, 0.5)}
    assert [one for one in ids if is_sampled(one, 0)] == []
    assert [one for one in ids if is_sampled(one, 1)] == ids

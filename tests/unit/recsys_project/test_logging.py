"""Every log line is one JSON object, and tracebacks hold no local variables."""

import json
import logging

import pytest
import structlog


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

"""Reading the log as a collector would: line by line, as JSON."""

import io
import json
import logging.config
from collections.abc import Callable, Iterator

import pytest
from django.conf import settings


@pytest.fixture
def log_lines() -> Iterator[Callable[[], list[dict]]]:
    """A function that returns the lines logged since it was last called."""
    stream = io.StringIO()
    own = settings.LOGGING["handlers"]
    handlers = own | {"default": own["default"] | {"stream": stream}}
    logging.config.dictConfig(settings.LOGGING | {"handlers": handlers})

    def read() -> list[dict]:
        lines = stream.getvalue().splitlines()
        stream.seek(0)
        stream.truncate()
        return [json.loads(line) for line in lines]

    yield read
    logging.config.dictConfig(settings.LOGGING)

"""Logging: one JSON object a line on standard error, from structlog and from the standard library alike.

Tracebacks are plain text without local variables: those of a frame can hold passwords, and can be gigabytes.
"""

import io
import logging
import sys
import threading
from types import TracebackType
from typing import Any, TextIO

import structlog
from structlog.typing import Processor

# What every line gets, whoever logged it.
_SHARED: list[Processor] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_logger_name,
    structlog.stdlib.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.processors.StackInfoRenderer(),
    structlog.processors.format_exc_info,
]


def configure_structlog() -> None:
    """Sends structlog's events through the standard library, whose handler below writes them."""
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            structlog.stdlib.PositionalArgumentsFormatter(),
            *_SHARED,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )


class StderrHandler(logging.StreamHandler[TextIO]):
    """Writes to standard error, beneath ``LoggedLines`` where that stands in its place."""

    def __init__(self, stream: TextIO | None = None) -> None:
        super().__init__(getattr(stream or sys.stderr, "beneath", stream or sys.stderr))


class LoggedLines(io.TextIOBase):
    """Stands in place of ``sys.stderr`` in a server: each line that somebody prints there becomes a line of the log."""

    def __init__(self, beneath: TextIO) -> None:
        self.beneath = beneath
        # Of each thread: print() writes a line and its end one after the other.
        self._state = threading.local()

    def write(self, text: str) -> int:
        """Logs the lines that ``text`` ends. What goes wrong in logging itself is written as it is."""
        if getattr(self._state, "logging", False):
            return self.beneath.write(text)
        self._state.logging = True
        try:
            *lines, self._state.unfinished = (getattr(self._state, "unfinished", "") + text).split("\n")
            for line in filter(str.strip, lines):
                logging.getLogger("stderr").warning("%s", line)
        finally:
            self._state.logging = False
        return len(text)

    @property
    def encoding(self) -> str:  # type: ignore[override]
        return self.beneath.encoding

    @property
    def errors(self) -> str | None:  # type: ignore[override]
        return self.beneath.errors

    def flush(self) -> None:
        """Also ends the line that this thread has begun, as at the end of the process, where nothing would follow."""
        if getattr(self._state, "unfinished", ""):
            self.write("\n")
        self.beneath.flush()

    def fileno(self) -> int:
        return self.beneath.fileno()

    def writable(self) -> bool:
        return True


def log_everything() -> None:
    """For servers: warnings, exceptions that nobody caught (in threads and finalizers too), what is logged before
    logging is set up and what is printed on standard error become lines of the log."""
    logging.captureWarnings(True)
    handler = StderrHandler()
    handler.setFormatter(json_formatter())
    # For loggers that have no handler; and until logging is set up, all of them.
    logging.lastResort = handler
    if not logging.root.handlers:
        logging.root.addHandler(handler)
    sys.excepthook = _uncaught
    threading.excepthook = _uncaught_in_thread
    sys.unraisablehook = _unraisable
    if not isinstance(sys.stderr, LoggedLines):
        sys.stderr = LoggedLines(sys.stderr)


def _uncaught(kind: type[BaseException], error: BaseException, traceback: TracebackType | None) -> None:
    if issubclass(kind, KeyboardInterrupt):
        return
    if kind.__name__ == "ImproperlyConfigured":
        # The operator's to mend, not the code's: the message says what to set, and a traceback would bury it.
        logging.getLogger("uncaught").critical("improperly_configured", extra={"problem": str(error)})
        return
    logging.getLogger("uncaught").critical("uncaught_exception", exc_info=(kind, error, traceback))


def _uncaught_in_thread(found: threading.ExceptHookArgs) -> None:
    if found.exc_value is None or issubclass(found.exc_type, SystemExit):
        return
    thread = found.thread.name if found.thread else None
    given = (found.exc_type, found.exc_value, found.exc_traceback)
    logging.getLogger("uncaught").error("uncaught_exception", exc_info=given, extra={"thread_name": thread})


def _unraisable(found: "sys.UnraisableHookArgs") -> None:
    if found.exc_value is None:
        return
    given = (found.exc_type, found.exc_value, found.exc_traceback)
    logging.getLogger("uncaught").error("unraisable_exception", exc_info=given, extra={"in": repr(found.object)})


def json_formatter() -> logging.Formatter:
    """What makes a line of a record, structlog's or the standard library's."""
    return structlog.stdlib.ProcessorFormatter(
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.JSONRenderer(),
        ],
        # What callers of the standard library say in extra={…} is part of the line.
        foreign_pre_chain=[structlog.stdlib.ExtraAdder(), *_SHARED],
    )


def logging_config(level: str) -> dict[str, Any]:
    """A configuration for ``logging.config.dictConfig``: everything as JSON lines on standard error.

    Not on standard output, which is for what commands print.
    """
    quiet = {"level": "WARNING"}
    own = {"handlers": [], "propagate": True}
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"json": {"()": json_formatter}},
        "handlers": {
            "default": {
                "class": "recsys_project.logging.StderrHandler",
                "stream": "ext://sys.stderr",
                "formatter": "json",
            },
            # A logger without any handler falls back on Python's last resort.
            "none": {"class": "logging.NullHandler"},
        },
        "root": {"handlers": ["default"], "level": level},
        "loggers": {
            # Django and Gunicorn bring handlers of their own; without them their lines go to the root as JSON.
            "django": {**own, "level": level},
            # The middleware's line of the request says what this one would.
            "django.request": {**own, "level": "ERROR"},
            "django.server": {**own, "level": "WARNING"},
            "gunicorn.error": {**own, "level": level},
            # The middleware writes this line itself.
            "gunicorn.access": {"handlers": ["none"], "propagate": False},
            # Scanners try host names all day; the request's line says 400.
            "django.security.DisallowedHost": {"handlers": ["none"], "propagate": False},
            "amqp": quiet,
            "kombu": quiet,
            "psycopg.pool": quiet,
        },
    }

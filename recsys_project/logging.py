"""Logging as one JSON object per line on standard error, for structlog and the standard library.

Tracebacks are plain text without local variables, which can hold passwords or gigabytes of data.
"""

import io
import logging
import re
import sys
import threading
import warnings
from types import TracebackType
from typing import Any, TextIO

import structlog
from structlog.typing import Processor

# The path of a page that a mailed link leads to.
_LINK = re.compile(r"(/accounts/(?:register|reset)/)[\w:%.~-]+")
# Processors for all lines, from structlog and the standard library.
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
    """Writes to the original standard error, even if ``LoggedLines`` replaces it."""

    def __init__(self, stream: TextIO | None = None) -> None:
        super().__init__(getattr(stream or sys.stderr, "wrapped", stream or sys.stderr))


class LoggedLines(io.TextIOBase):
    """Replaces ``sys.stderr`` in a server: each line printed there becomes a log line."""

    def __init__(self, wrapped: TextIO) -> None:
        self.wrapped = wrapped
        # Per thread, since print() writes a line and its end separately.
        self._state = threading.local()

    def write(self, text: str) -> int:
        """Logs the lines that ``text`` completes. Output of the logging call itself is written unchanged."""
        if getattr(self._state, "logging", False):
            return self.wrapped.write(text)
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
        return self.wrapped.encoding

    @property
    def errors(self) -> str | None:  # type: ignore[override]
        return self.wrapped.errors

    def flush(self) -> None:
        """Also logs the incomplete line of this thread, for instance at exit."""
        if getattr(self._state, "unfinished", ""):
            self.write("\n")
        self.wrapped.flush()

    def fileno(self) -> int:
        return self.wrapped.fileno()

    def writable(self) -> bool:
        return True


def log_everything() -> None:
    """Logs everything in a server: warnings, uncaught exceptions (also in threads and finalizers), records from before
    logging is configured, and output on standard error."""
    # Python's own logging of warnings writes one text of several lines.
    warnings.showwarning = _log_warning  # type: ignore[assignment]  # It never gets its last two arguments by name.
    handler = StderrHandler()
    handler.setFormatter(json_formatter())
    # For loggers without a handler and, until logging is configured, for all loggers.
    logging.lastResort = handler
    if not logging.root.handlers:
        logging.root.addHandler(handler)
    sys.excepthook = _uncaught
    threading.excepthook = _uncaught_in_thread
    sys.unraisablehook = _unraisable
    if not isinstance(sys.stderr, LoggedLines):
        sys.stderr = LoggedLines(sys.stderr)


def _log_warning(message: Warning | str, category: type[Warning], filename: str, lineno: int, *_: Any) -> None:
    """A warning as one line, with its kind and its place as fields."""
    given = {"warning": category.__name__, "at": f"{filename}:{lineno}"}
    logging.getLogger("py.warnings").warning("%s", message, extra=given)


def _uncaught(kind: type[BaseException], error: BaseException, traceback: TracebackType | None) -> None:
    if issubclass(kind, KeyboardInterrupt):
        return
    if kind.__name__ == "ImproperlyConfigured":
        # An error of the operator: the message says what to set, and a traceback would hide it.
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
    """The formatter that renders records of structlog and the standard library as JSON."""
    return structlog.stdlib.ProcessorFormatter(
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.JSONRenderer(),
            _without_links,
        ],
        # Adds the standard library's extra={…} to the line.
        foreign_pre_chain=[structlog.stdlib.ExtraAdder(), _without_path, *_SHARED],
    )


def _without_path(_logger: Any, _method: str, line: Any) -> Any:
    """The line with the route of its request in place of the path, and without the request itself.

    Django logs the path at the end of its text, and the request as an extra, whose text has the query string: an
    address, a search term, or whatever else a client sends.
    """
    request = line.pop("request", None)
    path = getattr(request, "path", None)
    if path is not None and str(line["event"]).endswith(path):
        match = getattr(request, "resolver_match", None)
        line["event"] = line["event"].removesuffix(path) + ("…" if match is None else match.route)
    return line


def _without_links(_logger: Any, _method: str, line: Any) -> str:
    """The line without the tokens of mailed links: who reads one in a log could set the password of its account.

    Django logs the path of a request whose form is refused or whose answer is an error; the link may still be good.
    """
    return _LINK.sub(r"\1…", line)


def logging_config(level: str) -> dict[str, Any]:
    """A configuration for ``logging.config.dictConfig``: JSON lines on standard error.

    Standard output is left to the output of commands.
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
            # Removes the handlers of Django and Gunicorn, so that their lines reach the root logger.
            "django": {**own, "level": level},
            # The middleware logs the same for each request.
            "django.request": {**own, "level": "ERROR"},
            "django.server": {**own, "level": "WARNING"},
            "gunicorn.error": {**own, "level": level},
            # The middleware writes this line itself.
            "gunicorn.access": {"handlers": ["none"], "propagate": False},
            # Scanners send many invalid hosts, and the request's line shows the 400.
            "django.security.DisallowedHost": {"handlers": ["none"], "propagate": False},
            # Each says again what a task's own lines say, with its arguments; failures are errors.
            "celery.app.trace": quiet,
            "celery.worker.strategy": quiet,
            "amqp": quiet,
            "kombu": quiet,
            "psycopg.pool": quiet,
            # A line for each connection to Spark's Java process.
            "py4j": quiet,
        },
    }


class LineWriter:
    """Writes lines that are JSON already, where the root logger's lines go and at its level, without rendering them."""

    def __init__(self, name: str) -> None:
        self._logger = logging.getLogger(name)
        self._handlers = [one for one in logging.root.handlers if isinstance(one, logging.StreamHandler)]

    @property
    def is_on(self) -> bool:
        """Whether information of this logger is logged."""
        return self._logger.isEnabledFor(logging.INFO)

    def write(self, lines: str) -> None:
        """Writes lines, each with its end."""
        for handler in self._handlers:
            handler.acquire()
            try:
                handler.stream.write(lines)
                handler.flush()
            finally:
                handler.release()

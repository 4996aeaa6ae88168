"""Logging: one JSON object a line on standard error, from structlog and from the standard library alike.

Tracebacks are plain text without local variables: those of a frame can hold passwords, and can be gigabytes.
"""

from typing import Any

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


def logging_config(level: str) -> dict[str, Any]:
    """A configuration for ``logging.config.dictConfig``: everything as JSON lines on standard error.

    Not on standard output, which is for what commands print.
    """
    quiet = {"level": "WARNING"}
    own = {"handlers": [], "propagate": True}
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "json": {
                "()": structlog.stdlib.ProcessorFormatter,
                "processors": [
                    structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                    structlog.processors.JSONRenderer(),
                ],
                # What callers of the standard library say in extra={…} is part of the line.
                "foreign_pre_chain": [structlog.stdlib.ExtraAdder(), *_SHARED],
            }
        },
        "handlers": {
            "default": {"class": "logging.StreamHandler", "stream": "ext://sys.stderr", "formatter": "json"},
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
            "gunicorn.access": {"handlers": [], "propagate": False},
            # Scanners try host names all day; the request's line says 400.
            "django.security.DisallowedHost": {"handlers": [], "propagate": False},
            "amqp": quiet,
            "kombu": quiet,
            "psycopg.pool": quiet,
        },
    }

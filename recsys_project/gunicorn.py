"""Gunicorn's settings; WEB_CONCURRENCY, WEB_THREADS, HOST and PORT override them."""

import faulthandler
import gc
import logging.config
import os
import signal
import sys
from pathlib import Path
from typing import Any

# Gunicorn reads this file before it puts the project on the path.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from gunicorn.glogging import Logger as GunicornLogger

from recsys_project import multiprocess
from recsys_project.connection_balance import counts
from recsys_project.logging import configure_structlog, log_everything, logging_config

# First, so that all errors from here on are logged as JSON.
configure_structlog()
logconfig_dict = logging_config(os.environ.get("LOG_LEVEL", "INFO").upper())
log_everything()
logging.config.dictConfig(logconfig_dict)

# A request multiplies small matrices, for which BLAS threads cost more time than they save, and each web process would
# start one per core. Read when NumPy is first imported, with the project.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

# A statement that never ends would block its thread, and a few of them the whole site. A request whose statement is
# cancelled is answered with 503. Statements of Celery tasks have no limit.
os.environ.setdefault("DATABASE_STATEMENT_SECONDS", "20")

bind = f"{os.environ.get('HOST', '127.0.0.1')}:{os.environ.get('PORT', '8000')}"
workers = int(os.environ.get("WEB_CONCURRENCY", "2"))
threads = int(os.environ.get("WEB_THREADS", "4"))
timeout = 30
# Seconds to answer accepted requests when a worker stops; longer than the statement timeout.
graceful_timeout = 30
# The project is loaded once, before the workers are forked: a worker that replaces another one, after HUP or a crash,
# is ready in a tenth of a second instead of several seconds. New code needs USR2 (docs/operations.md).
preload_app = True
worker_class = "recsys_project.fast_path.worker.FastWorker"
pidfile = os.environ.get("WEB_PIDFILE") or None
# Connections of a process, kept and half-read ones too; below the usual limit of 1,024 open files. When they are used
# up, the connection that has waited longest for its request is closed.
worker_connections = 500
# The longest request line in bytes: a thousand movie ids in ``exclude`` do not fit into the default.
limit_request_line = 8190

# No header sets the path prefix of the site: a proxy on this machine may forward a client's header, which Gunicorn
# trusts by default. SCRIPT_NAME in the environment sets it.
forwarder_headers = ""
# Nor does a header set the scheme: Django reads X-Forwarded-Proto where the settings say so.
forwarded_allow_ips = ""


class Logger(GunicornLogger):
    """Gunicorn's logger without the access log, since the middleware logs requests.

    Disabling it by the logging configuration alone would still format each line.
    """

    access_log_enabled = False


logger_class = Logger
# Otherwise each master creates a control socket in the home folder.
control_socket_disable = True

_metrics = multiprocess.prepare(f"web-{os.environ.get('PORT', '8000')}")


def on_starting(server: Any) -> None:
    """Removes the metrics of an earlier start before the first worker starts; not at a reload, where counts go on."""
    multiprocess.begin(_metrics)


def when_ready(server: Any) -> None:
    """Freezes all loaded objects before the first fork, so that garbage collection does not unshare their memory."""
    gc.collect()
    gc.freeze()


def post_worker_init(worker: Any) -> None:
    """On SIGUSR2, a worker writes the stack of each thread to standard error, to debug one that hangs."""
    faulthandler.register(signal.SIGUSR2, all_threads=True)


def worker_exit(server: Any, worker: Any) -> None:
    """Tries to send pending cache version tokens once more when a worker exits."""
    if (tokens := sys.modules.get("movies.caching.version_tokens")) is not None:
        tokens.flush_pending()


def child_exit(server: Any, worker: Any) -> None:
    """Removes the gauges of a worker that has exited, and merges its counts with those of others."""
    multiprocess.merge_ended(_metrics)
    counts.remove(worker.pid)

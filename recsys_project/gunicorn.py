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
from recsys_project.logging import configure_structlog, log_everything, logging_config

# First, so that whatever goes wrong from here on is JSON.
configure_structlog()
logconfig_dict = logging_config(os.environ.get("LOG_LEVEL", "INFO").upper())
log_everything()
logging.config.dictConfig(logconfig_dict)

# A request multiplies small matrices: threads of the algebra library cost more than they bring there, and every web
# process would start as many as there are cores. Read when NumPy is first imported, with the project.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

# A statement without end would hold a thread for good, and a few of them the whole site; a request whose statement is
# ended is answered by 503. Celery's may take as long as they take.
os.environ.setdefault("DATABASE_STATEMENT_SECONDS", "20")

bind = f"{os.environ.get('HOST', '127.0.0.1')}:{os.environ.get('PORT', '8000')}"
workers = int(os.environ.get("WEB_CONCURRENCY", "2"))
threads = int(os.environ.get("WEB_THREADS", "4"))
timeout = 30
# What was accepted has so long to be answered when a worker is told to end; a statement has less.
graceful_timeout = 30
# The project is loaded once, before the first worker: a worker that takes another's place, after HUP or a crash,
# answers in a tenth of a second instead of after loading for seconds. New code takes USR2 (docs/operations.md).
preload_app = True
worker_class = "recsys_project.web_worker.DrainingWorker"
pidfile = os.environ.get("WEB_PIDFILE") or None
# The most Gunicorn reads of an address: a thousand movie ids to leave out of a list do not fit into its default.
limit_request_line = 8190

# No header says under which path the site stands: a proxy on this machine may hand on a client's, and the default
# believes it. SCRIPT_NAME in the environment does.
forwarder_headers = ""


class Logger(GunicornLogger):
    """Gunicorn's, without the access log: the middleware logs requests. With a configuration of logging Gunicorn would
    put each line together, and have it thrown away."""

    access_log_enabled = False


logger_class = Logger
# Otherwise every master makes a socket for remote control in the home folder.
control_socket_disable = True

_metrics = multiprocess.prepare(f"web-{os.environ.get('PORT', '8000')}")


def on_starting(server: Any) -> None:
    """Before the first worker; not at a reload, where the workers' counts go on."""
    multiprocess.wipe_dead(_metrics)


def when_ready(server: Any) -> None:
    """Before the first fork: what loading made is kept out of the workers' garbage collections, so that they go on
    sharing its memory."""
    gc.collect()
    gc.freeze()


def post_worker_init(worker: Any) -> None:
    """Asked by SIGUSR2, a worker writes to standard error where each of its threads stands: for one that hangs."""
    faulthandler.register(signal.SIGUSR2, all_threads=True)


def worker_exit(server: Any, worker: Any) -> None:
    """A worker ends: what it owes Redis it tries to tell once more."""
    if (tokens := sys.modules.get("movies.caching.version_tokens")) is not None:
        tokens.flush_pending()


def child_exit(server: Any, worker: Any) -> None:
    """A worker has ended: its gauges are over, its counts stay."""
    from prometheus_client.multiprocess import mark_process_dead  # noqa: PLC0415 -- after the folder is set.

    mark_process_dead(worker.pid)

"""Serves the metrics of this machine's workers, where no web server runs: ``python -m recsys_project.metrics.server``.

One process with one port, which none of the workers or their children opens. It reads their files, so that it may be
started and stopped at any time.
"""

import hmac
import ipaddress
import os
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, make_server

from recsys_project import multiprocess

HOST = os.environ.get("WORKER_METRICS_HOST", "127.0.0.1")
PORT = int(os.environ.get("WORKER_METRICS_PORT", "9101"))

Environ = dict[str, Any]
Answer = Callable[[Environ, Callable[..., Any]], Iterable[bytes]]


class _Quiet(WSGIRequestHandler):
    """Without a line for each scrape."""

    def log_message(self, format: str, *args: object) -> None:
        return


def application(folder: Path, token: str) -> Answer:
    """Answers ``GET /metrics`` with the metrics in this folder; with a token, only to its holder."""
    from prometheus_client import CollectorRegistry, make_wsgi_app  # noqa: PLC0415 -- once the folder is chosen.

    from recsys_project.metrics.processes import MergedFiles, Processes  # noqa: PLC0415

    registry = CollectorRegistry()
    registry.register(MergedFiles(lambda: [folder]))
    registry.register(Processes(lambda: [folder]))
    exposed = make_wsgi_app(registry)

    def answer(environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        given = environ.get("HTTP_AUTHORIZATION", "").encode("latin-1", "replace")
        if environ["PATH_INFO"] != "/metrics":
            status = "404 Not Found"
        elif environ["REQUEST_METHOD"] not in ("GET", "HEAD"):
            status = "405 Method Not Allowed"
        elif token and not hmac.compare_digest(given, f"Bearer {token}".encode()):
            status = "401 Unauthorized"
        else:
            return exposed(environ, start_response)
        start_response(status, [("Content-Type", "text/plain; charset=utf-8")])
        return [status.encode()]

    return answer


def main() -> int:
    """Serves until it is ended; returns 2 if that would show the metrics to everybody."""
    token = os.environ.get("METRICS_TOKEN", "")
    if not token and not ipaddress.ip_address(HOST).is_loopback:
        sys.stderr.write("Set METRICS_TOKEN, or leave WORKER_METRICS_HOST at 127.0.0.1.\n")
        return 2
    folder = multiprocess.prepare("worker")
    # This process counts nothing: without a folder, it writes no file beside those of the workers.
    del os.environ[multiprocess.VARIABLE]
    import django  # noqa: PLC0415 -- the Prometheus client is imported with it.

    django.setup()
    with make_server(HOST, PORT, application(folder, token), handler_class=_Quiet) as server:
        server.serve_forever()
    return 0


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "recsys_project.settings.local")
    sys.exit(main())

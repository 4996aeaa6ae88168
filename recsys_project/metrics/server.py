"""Serves the metrics of this machine's workers, where no web server runs: ``python -m recsys_project.metrics.server``.

One process with one port, which none of the workers or their children opens. It reads their files, so that it may be
started and stopped at any time.
"""

import hmac
import ipaddress
import os
import socket
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from socketserver import ThreadingMixIn
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from recsys_project import multiprocess

Environ = dict[str, Any]
Answer = Callable[[Environ, Callable[..., Any]], Iterable[bytes]]


class _Server(ThreadingMixIn, WSGIServer):
    """A thread for each connection, so that a client that says nothing keeps nobody waiting."""

    daemon_threads = True


class _ServerOfSix(_Server):
    """The same for an IPv6 address."""

    address_family = socket.AF_INET6


class _Quiet(WSGIRequestHandler):
    """Without a line for each scrape. A connection that says nothing for this many seconds is closed."""

    timeout = 10

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
    """Serves until it is ended; returns 2 if the settings are wrong, or would show the metrics to everybody."""
    token = os.environ.get("METRICS_TOKEN", "")
    host, port = os.environ.get("WORKER_METRICS_HOST", "127.0.0.1"), os.environ.get("WORKER_METRICS_PORT", "9101")
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return _refused(f"WORKER_METRICS_HOST must be an IP address, not {host!r}.")
    if not (port.isdecimal() and 0 < int(port) < 65536):
        return _refused(f"WORKER_METRICS_PORT must be a port, not {port!r}.")
    if not token and not address.is_loopback:
        return _refused("Set METRICS_TOKEN, or leave WORKER_METRICS_HOST at 127.0.0.1.")
    folder = multiprocess.prepare("worker")
    # This process counts nothing: without a folder, it writes no file beside those of the workers.
    del os.environ[multiprocess.VARIABLE]
    import django  # noqa: PLC0415 -- the Prometheus client is imported with it.

    django.setup()
    kind = _ServerOfSix if address.version == 6 else _Server
    with make_server(host, int(port), application(folder, token), kind, handler_class=_Quiet) as server:
        server.serve_forever()
    return 0


def _refused(why: str) -> int:
    sys.stderr.write(f"{why}\n")
    return 2


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "recsys_project.settings.local")
    sys.exit(main())

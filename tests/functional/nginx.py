"""nginx with the site's configuration of deploy/nginx, on free ports and with a certificate that it signed itself."""

import os
import shutil
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from pathlib import Path

import pytest

from recsys_project.embedded.addresses import PROJECT_DIR
from tests.functional.web_server import free_port

SITE = PROJECT_DIR / "deploy" / "nginx" / "recsys.conf"
NGINX = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
needs_nginx = pytest.mark.skipif(
    NGINX is None or shutil.which("openssl") is None,
    reason="nginx or openssl is not installed (Debian: nginx, openssl)",
)
_MAIN = """\
{user}
pid {folder}/nginx.pid;
error_log {folder}/error.log;
worker_processes 1;
daemon off;
events {{ worker_connections 200; }}
http {{
    include /etc/nginx/mime.types;
    {temporary}
    include {folder}/recsys.conf;
}}
"""


@dataclass(frozen=True)
class Nginx:
    """Where it listens; ``tls`` trusts its certificate, which is for ``localhost``."""

    port: int
    plain_port: int
    tls: ssl.SSLContext
    error_log: Path

    def connection(self, timeout: float = 60) -> HTTPSConnection:
        return HTTPSConnection("localhost", self.port, context=self.tls, timeout=timeout)

    def plain_connection(self) -> HTTPConnection:
        return HTTPConnection("localhost", self.plain_port, timeout=60)


def configure(folder: Path, *, web_ports: tuple[int, int], port: int, plain_port: int) -> Path:
    """Writes the configuration for this machine into ``folder``; returns nginx's main file."""
    _make_certificate(folder)
    text = SITE.read_text()
    changes = {
        "films.example;": "localhost;",
        "/etc/letsencrypt/live/films.example/": f"{folder}/",
        "/var/lib/recsys/static/": f"{folder}/static/",
        "127.0.0.1:8001": f"127.0.0.1:{web_ports[0]}",
        "127.0.0.1:8002": f"127.0.0.1:{web_ports[1]}",
        # A machine of the tests may have no IPv6.
        "    listen [::]:80;\n": "",
        "    listen [::]:443 ssl default_server;\n": "",
        "    listen [::]:443 ssl http2;\n": "",
        "listen 443": f"listen 127.0.0.1:{port}",
        "listen 80;": f"listen 127.0.0.1:{plain_port};",
    }
    for given, here in changes.items():
        assert given in text, given
        text = text.replace(given, here)
    (folder / "recsys.conf").write_text(text)
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    main = folder / "nginx.conf"
    main.write_text(
        _MAIN.format(
            folder=folder,
            # Its workers would otherwise be another user's, who cannot read the folder.
            user="user root;" if os.geteuid() == 0 else "",
            temporary=" ".join(f"{kind}_temp_path {folder}/{kind};" for kind in kinds),
        )
    )
    return main


@contextmanager
def nginx(folder: Path, *, web_ports: tuple[int, int]) -> Iterator[Nginx]:
    """Runs nginx in front of these web processes until the block ends."""
    assert NGINX is not None
    port, plain_port = free_port(), free_port()
    main = configure(folder, web_ports=web_ports, port=port, plain_port=plain_port)
    process = subprocess.Popen([NGINX, "-c", str(main), "-e", str(folder / "error.log")])
    try:
        _await(port, process)
        tls = ssl.create_default_context(cafile=str(folder / "fullchain.pem"))
        yield Nginx(port, plain_port, tls, folder / "error.log")
    finally:
        process.terminate()
        process.wait(timeout=30)


def _make_certificate(folder: Path) -> None:
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    command += ["-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
    command += ["-keyout", str(folder / "privkey.pem"), "-out", str(folder / "fullchain.pem")]
    subprocess.run(command, check=True, capture_output=True)


def _await(port: int, process: subprocess.Popen) -> None:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        assert process.poll() is None, "nginx ended"
        try:
            socket.create_connection(("127.0.0.1", port), timeout=5).close()
            return
        except OSError:
            time.sleep(0.05)
    raise AssertionError("nginx does not listen.")


def ask(connection: HTTPSConnection | HTTPConnection, path: str) -> str:
    """The status of a GET, or the name of what went wrong."""
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        answer.read()
        return str(answer.status)
    except (OSError, HTTPException) as error:
        connection.close()
        return type(error).__name__

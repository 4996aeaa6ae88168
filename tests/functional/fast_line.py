"""Raw requests to a server, and what its fast path did with them."""

import re
import socket
import time
from urllib.parse import urlsplit

from django.conf import settings

from tests.functional.web_server import WebServer

LIST = "/api/recommendations/"
# With a cookie, which changes nothing, a request goes to Django.
BY_DJANGO = {"Cookie": "a=b"}
KEYS = {"SECRET_KEY": settings.SECRET_KEY, "JWT_SIGNING_KEY": settings.JWT_SIGNING_KEY}


class Line:
    """A connection that stays open; answers are read as bytes."""

    def __init__(self, server: WebServer) -> None:
        self._sock = socket.create_connection(("127.0.0.1", urlsplit(server.url).port), timeout=30)
        self._data = b""

    def get(self, path: str = LIST, headers: dict[str, str] | None = None, method: str = "GET") -> tuple[str, bytes]:
        lines = "".join(f"{name}: {value}\r\n" for name, value in {"Host": "localhost", **(headers or {})}.items())
        return self.send(f"{method} {path} HTTP/1.1\r\n{lines}\r\n".encode(), with_body=method != "HEAD")

    def send(self, request: bytes, *, with_body: bool = True) -> tuple[str, bytes]:
        self._sock.sendall(request)
        return self.read(with_body=with_body)

    def read(self, *, with_body: bool = True) -> tuple[str, bytes]:
        while b"\r\n\r\n" not in self._data:
            self._data += self._received()
        head, _, self._data = self._data.partition(b"\r\n\r\n")
        found = re.search(rb"Content-Length: (\d+)", head)
        length = int(found[1]) if found is not None and with_body else 0
        while len(self._data) < length:
            self._data += self._received()
        body, self._data = self._data[:length], self._data[length:]
        return head.decode(), body

    def _received(self) -> bytes:
        data = self._sock.recv(65536)
        assert data, "The server closed the connection."
        return data


def outcomes(server: WebServer) -> dict[str, float]:
    """How many requests the fast path answered, and why it left others to Django."""
    time.sleep(0.4)  # Metrics are written several times a second.
    found = re.findall(
        r'recsys_fast_path_requests_total\{outcome="(\w+)"\} (\S+)', server.request("GET", "/metrics").body.decode()
    )
    return {name: float(value) for name, value in found}


def answered(server: WebServer) -> float:
    return outcomes(server).get("answered", 0)


def bearer(token: object) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def status(answer: tuple[str, bytes]) -> int:
    return int(answer[0].split()[1])


def warmed(server: WebServer, headers: dict[str, str], path: str = LIST) -> Line:
    """A connection to a server that answers this request from its main loop."""
    line = Line(server)
    deadline = time.monotonic() + 20
    before = answered(server)
    while time.monotonic() < deadline:
        assert status(line.get(path, headers)) == 200
        if (now := answered(server)) > before:
            return line
        before = now
    raise AssertionError(f"The fast path does not answer: {outcomes(server)}")


def comparable(answer: tuple[str, bytes]) -> tuple[dict[str, str], str]:
    """The answer without what differs between two requests: times, ids and what is left of the limit."""
    first, *lines = answer[0].split("\r\n")
    headers = {name: value for name, _, value in (line.partition(": ") for line in lines)}
    for name in ("Date", "X-Request-ID"):
        assert headers.pop(name)
    headers["RateLimit"] = re.sub(r"r=\d+;t=\d+", "", headers.get("RateLimit", ""))
    body = re.sub(r'"next_cursor":"[^"]*"|"request_id": ?"[^"]*"', "", answer[1].decode())
    if headers.pop("Content-Length", None) != "0":
        headers["with body"] = "yes"
    return {"": first, **headers}, body

"""A way to the test database that a test can close, as when PostgreSQL is away."""

import contextlib
import os
import socket
import threading
from pathlib import Path
from urllib.parse import quote

from django.db import connection

_BLOCK = 64 * 1024


class DatabaseProxy:
    """Listens on a Unix socket in ``folder`` and hands on what it hears to the database, until it is closed."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / ".s.PGSQL.5432"
        self._listener: socket.socket | None = None
        self._open: list[socket.socket] = []
        given = connection.settings_dict
        person = quote(given["USER"] or "", safe="")
        if given["PASSWORD"]:
            person += f":{quote(given['PASSWORD'], safe='')}"
        self.url = f"postgresql://{person}@/{given['NAME']}?host={folder}"

    def open(self) -> None:
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(self._path))
        self._listener.listen(20)
        threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()

    def close(self) -> None:
        """Nobody gets through any more, and who had got through is cut off."""
        if self._listener is not None:
            self._listener.shutdown(socket.SHUT_RDWR)
            self._listener.close()
            self._path.unlink()
        for one in self._open:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
        self._listener, self._open = None, []

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            server = _database()
            self._open += [client, server]
            for source, target in ((client, server), (server, client)):
                threading.Thread(target=_hand_on, args=(source, target), daemon=True).start()


def _database() -> socket.socket:
    """A connection to PostgreSQL, nothing said yet."""
    host = connection.settings_dict["HOST"] or connection.settings_dict["OPTIONS"].get("host", "/tmp")
    port = connection.settings_dict["PORT"] or os.environ.get("PGPORT", "5432")
    if not str(host).startswith("/"):
        return socket.create_connection((host, int(port)))
    database = socket.socket(socket.AF_UNIX)
    database.connect(f"{host}/.s.PGSQL.{port}")
    return database


def _hand_on(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while block := source.recv(_BLOCK):
            target.sendall(block)
    for one in (source, target):
        with contextlib.suppress(OSError):
            one.shutdown(socket.SHUT_RDWR)

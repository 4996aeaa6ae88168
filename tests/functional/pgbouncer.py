"""PgBouncer with the configuration of deploy/pgbouncer in front of the test database."""

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from django.db import connection

from recsys_project.embedded.addresses import PROJECT_DIR
from tests.functional.web_server import free_port

CONFIGURATION = PROJECT_DIR / "deploy" / "pgbouncer" / "pgbouncer.ini"
PGBOUNCER = shutil.which("pgbouncer") or shutil.which("pgbouncer", path="/usr/sbin")
needs_pgbouncer = pytest.mark.skipif(PGBOUNCER is None, reason="pgbouncer is not installed (Debian: pgbouncer)")


@contextmanager
def pgbouncer(*, pool_size: int) -> Iterator[str]:
    """Runs PgBouncer with this many connections to PostgreSQL until the block ends; yields the database's address."""
    assert PGBOUNCER is not None
    account = _account()
    with tempfile.TemporaryDirectory(prefix="pgbouncer-") as name:
        folder, port = Path(name), free_port()
        folder.chmod(0o755)
        (folder / "pgbouncer.ini").write_text(_configuration(folder, port, pool_size))
        (folder / "userlist.txt").write_text(f'"{connection.settings_dict["USER"]}" ""\n')
        if account is not None:
            os.chown(folder, account, -1)
        command = [PGBOUNCER, "--quiet", str(folder / "pgbouncer.ini")]
        process = subprocess.Popen(command, user=account, cwd=folder)
        url = f"postgresql://{connection.settings_dict['USER']}@127.0.0.1:{port}/recsys"
        try:
            _await(url, process, folder / "pgbouncer.log")
            yield url
        finally:
            # At once, and not after the last client has gone.
            process.send_signal(signal.SIGTERM)
            process.wait(timeout=30)


def _configuration(folder: Path, port: int, pool_size: int) -> str:
    given = connection.settings_dict
    host = given["HOST"] or given["OPTIONS"].get("host", "")
    password = f" password={given['PASSWORD']}" if given["PASSWORD"] else ""
    text = CONFIGURATION.read_text()
    changes = {
        "host=127.0.0.1 port=5432 dbname=recsys": (
            f"host={host} port={given['PORT'] or 5432} dbname={given['NAME']}{password}"
        ),
        "listen_port = 6432": f"listen_port = {port}",
        "unix_socket_dir = /var/run/postgresql": "unix_socket_dir =",
        # The embedded server asks for no password.
        "auth_type = scram-sha-256": "auth_type = trust",
        "/etc/pgbouncer/userlist.txt": f"{folder}/userlist.txt",
        "default_pool_size = 20": f"default_pool_size = {pool_size}",
        "/var/log/postgresql/": f"{folder}/",
        "pidfile = /var/run/postgresql/": f"pidfile = {folder}/",
    }
    for original, here in changes.items():
        assert original in text, original
        text = text.replace(original, here)
    return text


def _account() -> int | None:
    """The user to run it as: PgBouncer refuses to run as root, whose embedded PostgreSQL is another user's."""
    if os.geteuid() != 0:
        return None
    host = connection.settings_dict["HOST"] or connection.settings_dict["OPTIONS"].get("host", "")
    return Path(host).stat().st_uid if host.startswith("/") else 65534


def _await(url: str, process: subprocess.Popen, log: Path) -> None:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        try:
            psycopg.connect(url, connect_timeout=5).close()
            return
        except psycopg.OperationalError:
            assert process.poll() is None, log.read_text()
            time.sleep(0.05)
    raise AssertionError(log.read_text())

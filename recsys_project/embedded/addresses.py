"""Where the embedded services keep their data and listen.

Everything here is computed from the checkout's path and from what already stands on disk; nothing is made or
started, so settings can be imported without services, and every process of one checkout gets the same answer.
"""

import hashlib
import os
import pwd
import re
from pathlib import Path

PROJECT_DIR = Path(__file__).resolve().parent.parent.parent

# A Unix socket's address is a buffer of 108 bytes with a closing NUL.
MAX_SOCKET_BYTES = 107
POSTGRES_SOCKET = ".s.PGSQL.5432"
VALKEY_SOCKET = "valkey.sock"
# libpq splits a host at commas, and each URL parser has its own idea of what must be quoted in a path.
_PLAIN_PATH = re.compile(r"[A-Za-z0-9/_.-]+")

# PostgreSQL refuses to run as root, so root's services run as this system user ...
SERVICE_USER = "recsys-embedded"
# ... and keep their data here when that user cannot get into the checkout's own folder.
ROOT_DATA_DIR = Path("/var/lib/recsys-embedded")


def var_dir() -> Path:
    """The folder of everything the project writes at run time; ``RECSYS_VAR`` moves it."""
    return Path(os.environ.get("RECSYS_VAR") or PROJECT_DIR / "var").resolve()


def data_dir() -> Path:
    """The folder that holds ``postgres/`` and ``valkey/``: ``var/``, or for root sometimes one outside it.

    Data that exists decides, so that a changed mode of a folder above never makes a database look empty.
    """
    var = var_dir()
    if os.geteuid() != 0 or (var / "postgres").exists():
        return var
    outside = ROOT_DATA_DIR / _checkout_key()
    if (outside / "postgres").exists() or not is_open_to_others(var):
        return outside
    return var


def is_open_to_others(path: Path) -> bool:
    """Whether every existing folder from the root down to ``path`` may be entered by any user."""
    return all(folder.stat().st_mode & 0o001 for folder in (path, *path.parents) if folder.exists())


def data_owner() -> int | None:
    """The uid the existing database belongs to, or None when there is none yet."""
    try:
        return (data_dir() / "postgres").stat().st_uid
    except OSError:
        return None


def socket_dir() -> Path:
    """The folder of both sockets: ``run/`` beside the data, or a short one when that path is no address.

    It is none when it is too long, or has characters that one of the clients reads as something else.

    Raises PermissionError when the short folder, under ``/tmp``, was made by somebody else, who could then
    answer in the database's place.
    """
    beside_data = data_dir() / "run"
    fits = len(os.fsencode(beside_data / POSTGRES_SOCKET)) <= MAX_SOCKET_BYTES
    if fits and _PLAIN_PATH.fullmatch(str(beside_data)):
        return beside_data
    owner = os.geteuid() or data_owner()
    if not owner or owner == _service_uid():
        return Path(f"/run/recsys-{_checkout_key()}")
    short = Path(f"/tmp/recsys-{owner}-{_checkout_key()}")  # noqa: S108 -- its owner is checked below.
    if short.is_symlink() or (short.exists() and short.stat().st_uid != owner):
        raise PermissionError(f"{short} belongs to another user: remove it, or move the checkout to a shorter path.")
    return short


def database_url(name: str = "recsys") -> str:
    """The address of the embedded PostgreSQL's Unix socket."""
    return f"postgresql://postgres@/{name}?host={socket_dir()}"


def redis_url(db: int = 0) -> str:
    """The address of the embedded Valkey's Unix socket, as redis-py reads it."""
    return f"unix://{socket_dir() / VALKEY_SOCKET}?db={db}"


def _checkout_key() -> str:
    """A short name for this ``var/``, to tell checkouts apart in folders that they share."""
    return hashlib.sha256(os.fsencode(var_dir())).hexdigest()[:12]


def _service_uid() -> int | None:
    try:
        return pwd.getpwnam(SERVICE_USER).pw_uid
    except KeyError:
        return None

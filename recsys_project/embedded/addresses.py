"""The folders, sockets and URLs of the embedded services.

All are computed from the checkout's path and from existing files; nothing is created or started. So settings can be
imported without services, and all processes of a checkout use the same addresses.
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
# libpq splits hosts at commas, and URL parsers differ in which characters of a path must be quoted.
_PLAIN_PATH = re.compile(r"[A-Za-z0-9/_.-]+")

# PostgreSQL refuses to run as root, so root's services run as this system user ...
SERVICE_USER = "recsys-embedded"
# ... and keep their data here when that user cannot get into the checkout's own folder.
ROOT_DATA_DIR = Path("/var/lib/recsys-embedded")


def var_dir() -> Path:
    """The folder for all files that the project writes at run time; ``RECSYS_VAR`` overrides it."""
    return Path(os.environ.get("RECSYS_VAR") or PROJECT_DIR / "var").resolve()


def data_dir() -> Path:
    """The folder of ``postgres/`` and ``valkey/``: ``var/``, or for root a folder outside it if ``var/`` is private.

    Existing data takes precedence, so that a changed mode of a parent folder does not make the database look empty.
    """
    var = var_dir()
    if os.geteuid() != 0 or (var / "postgres").exists():
        return var
    outside = ROOT_DATA_DIR / _checkout_key()
    if (outside / "postgres").exists() or not is_open_to_others(var):
        return outside
    return var


def is_open_to_others(path: Path) -> bool:
    """Whether any user may enter ``path`` and all its existing parents."""
    return all(folder.stat().st_mode & 0o001 for folder in (path, *path.parents) if folder.exists())


def data_owner() -> int | None:
    """The uid that owns the existing database, or None without one."""
    try:
        return (data_dir() / "postgres").stat().st_uid
    except OSError:
        return None


def socket_dir() -> Path:
    """The folder of both sockets: ``run/`` beside the data, or a short folder if that path cannot be an address.

    A path cannot be an address if it is too long, or has characters that a client interprets.

    Raises PermissionError if the short folder, under ``/tmp``, belongs to another user, who could impersonate the
    database.
    """
    beside_data = data_dir() / "run"
    fits = len(os.fsencode(beside_data / POSTGRES_SOCKET)) <= MAX_SOCKET_BYTES
    if fits and _PLAIN_PATH.fullmatch(str(beside_data)):
        return beside_data
    owner = os.geteuid() or data_owner()
    if not owner or owner == _service_uid():
        return Path(f"/run/recsys-{_checkout_key()}")
    short = Path(f"/tmp/recsys-{owner}-{_checkout_key()}")  # noqa: S108 -- its owner is checked below.  # nosec B108
    if short.is_symlink() or (short.exists() and short.stat().st_uid != owner):
        raise PermissionError(f"{short} belongs to another user: remove it, or move the checkout to a shorter path.")
    return short


def database_url(name: str = "recsys") -> str:
    """The URL of the embedded PostgreSQL, by its Unix socket."""
    return f"postgresql://postgres@/{name}?host={socket_dir()}"


def redis_url(db: int = 0) -> str:
    """The URL of the embedded Valkey, by its Unix socket, in redis-py's form."""
    return f"unix://{socket_dir() / VALKEY_SOCKET}?db={db}"


def _checkout_key() -> str:
    """A short name for this ``var/``, which distinguishes checkouts in shared folders."""
    return hashlib.sha256(os.fsencode(var_dir())).hexdigest()[:12]


def _service_uid() -> int | None:
    try:
        return pwd.getpwnam(SERVICE_USER).pw_uid
    except KeyError:
        return None

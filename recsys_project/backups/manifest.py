"""What a backup contains, in a JSON file beside it: without it, nobody knows whether a restore is complete."""

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path

from psycopg import Connection, sql

from recsys_project.backups.errors import BackupError

# Every table with rows of its own: partitions, and not the table that they divide.
_TABLES = """
SELECT format('%I.%I', n.nspname, c.relname)
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind = 'r' AND n.nspname = 'public'
    AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = c.oid AND d.deptype = 'e')
ORDER BY 1
"""


@dataclass(frozen=True)
class Manifest:
    """``rows``: the number of rows of each table; ``sha256``: of the dump; ``made_at``: ISO 8601, UTC."""

    made_at: str
    server_version: int
    size_bytes: int
    sha256: str
    rows: dict[str, int]

    def write(self, dump: Path) -> None:
        """Writes it beside the dump, atomically and for the owner alone."""
        target = manifest_path(dump)
        partial = target.with_name(f"{target.name}.partial")
        partial.touch(mode=0o600)
        partial.write_text(json.dumps(asdict(self), indent=1) + "\n")
        partial.rename(target)


def manifest_path(dump: Path) -> Path:
    """The manifest of a dump."""
    return dump.with_name(f"{dump.name}.json")


def read_manifest(dump: Path) -> Manifest:
    """Reads the manifest and compares the dump with it. Raises BackupError if either is missing or damaged."""
    path = manifest_path(dump)
    try:
        manifest = Manifest(**json.loads(path.read_text()))
        size, digest = dump.stat().st_size, file_digest(dump)
    except OSError as error:
        raise BackupError(f"{error.filename} cannot be read: {error.strerror}.") from error
    except (ValueError, TypeError) as error:
        raise BackupError(f"{path} is no manifest of a backup.") from error
    if (size, digest) != (manifest.size_bytes, manifest.sha256):
        raise BackupError(f"{dump} is damaged: its size or SHA-256 is not that of {path.name}.")
    return manifest


def file_digest(path: Path) -> str:
    """The SHA-256 of a file, in hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def count_rows(connection: Connection) -> dict[str, int]:
    """The number of rows of each table that the connection's transaction sees; reads all of them."""
    names = [name for (name,) in connection.execute(_TABLES).fetchall()]
    counts = {}
    for name in names:
        # The name is quoted by format().
        row = connection.execute(sql.SQL("SELECT count(*) FROM ") + sql.SQL(name)).fetchone()
        counts[name] = int(row[0]) if row else 0
    return counts

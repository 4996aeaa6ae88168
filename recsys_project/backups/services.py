"""Makes a backup of the configured database, and restores one into it."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import psycopg
from django.core.cache import cache
from django.core.management import call_command
from django.db import connection
from django_redis import get_redis_connection
from psycopg import sql
from psycopg.conninfo import make_conninfo
from redis.exceptions import RedisError

from movies.caching.version_tokens import invalidate_catalogue_on_commit
from recsys_project.backups.errors import BackupError
from recsys_project.backups.manifest import Manifest, count_rows, file_digest, manifest_path, read_manifest
from recsys_project.backups.programs import find_program, run_program

_NAME = "recsys-{:%Y%m%dT%H%M%S%fZ}.dump"
_PATTERN = "recsys-*.dump"
# What in Redis is no cached answer: the log of served lists, until it is written, and who must not appear in it.
_KEPT = ("served-log", "shown-lists:", "deleted:")
# Options of Django's connection parameters that are Python's or the pool's, not libpq's.
_NOT_LIBPQ = frozenset({"context", "cursor_factory", "prepare_threshold", "pool", "autocommit", "client_encoding"})


@dataclass(frozen=True)
class Restored:
    """What a restore did: ``rows`` as the backup had them, and whether Redis dropped its cached answers."""

    tables: int
    rows: int
    caches_dropped: bool


def backup_create(*, folder: Path, keep: int | None = None) -> Path:
    """Dumps the configured database into ``folder``, with a manifest of its rows; returns the dump's path.

    pg_dump and the counts read one snapshot, while the site goes on. keep: afterwards only this many of the newest
    backups stay. A backup that fails leaves no file. Raises BackupError.
    """
    with _folder_errors(folder):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        made_at = datetime.now(UTC)
        target = folder / _NAME.format(made_at)
        partial = target.with_name(f"{target.name}.partial")
        partial.touch(mode=0o600, exist_ok=False)
        try:
            rows, version = _dump(partial)
            _sync(partial)
            manifest = Manifest(made_at.isoformat(), version, partial.stat().st_size, file_digest(partial), rows)
            manifest.write(target)
            partial.rename(target)
            _sync(folder)
        except BaseException:
            partial.unlink(missing_ok=True)
            manifest_path(target).unlink(missing_ok=True)
            raise
        if keep is not None:
            _remove_old(folder, keep)
    return target


def backup_restore(*, dump: Path) -> Restored:
    """Restores ``dump`` into the configured database, which must be empty; it is created if it is missing.

    Afterwards its rows are counted again, migrations applied, erasures replayed and cached answers dropped. pg_restore
    runs in one transaction: if it fails, the database stays empty. Raises BackupError.
    """
    manifest = read_manifest(dump)
    try:
        _ensure_empty_database()
        address, password = _address()
        major = _server_version(address, password) // 10000
        # Comments on extensions may be changed by their owner alone, who is often another role.
        options = ["--single-transaction", "--exit-on-error", "--no-owner", "--no-privileges", "--no-comments"]
        program = find_program("pg_restore", server_major=major)
        run_program(program, [*options, f"--dbname={address}", str(dump)], password=password)
        with psycopg.connect(address, password=password) as restored:
            found = count_rows(restored)
    except psycopg.Error as error:
        raise BackupError(f"PostgreSQL refused: {error}") from error
    wrong = {name for name in found.keys() | manifest.rows.keys() if found.get(name) != manifest.rows.get(name)}
    if wrong:
        raise BackupError(f"These tables have other rows than the backup: {', '.join(sorted(wrong))}.")
    call_command("migrate", interactive=False, verbosity=0)
    dropped = False
    try:
        call_command("replay_erasures")
    finally:
        dropped = _drop_caches()
    return Restored(len(found), sum(found.values()), dropped)


def _dump(target: Path) -> tuple[dict[str, int], int]:
    """Writes the dump; returns the rows of each table in its snapshot, and the server's version number."""
    try:
        address, password = _address()
        with psycopg.connect(address, password=password) as counting:
            counting.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
            counting.read_only = True
            row = counting.execute("SELECT pg_export_snapshot()").fetchone()
            version = counting.info.server_version
            program = find_program("pg_dump", server_major=version // 10000)
            options = ["--format=custom", f"--snapshot={row[0] if row else ''}", f"--file={target}"]
            run_program(program, [*options, f"--dbname={address}"], password=password)
            return count_rows(counting), version
    except psycopg.Error as error:
        raise BackupError(f"PostgreSQL refused: {error}") from error


def _address(**changed: str) -> tuple[str, str]:
    """The configured database's address for libpq, without the password, and the password."""
    given = {
        name: value
        for name, value in connection.get_connection_params().items()
        if name not in _NOT_LIBPQ and value not in (None, "")
    } | changed
    password = str(given.pop("password", ""))
    return make_conninfo(**given), password


def _server_version(address: str, password: str) -> int:
    with psycopg.connect(address, password=password) as asking:
        return asking.info.server_version


def _ensure_empty_database() -> None:
    """Creates the database if it is missing. Raises BackupError if it has tables, psycopg.Error if it cannot."""
    name = str(connection.settings_dict["NAME"])
    address, password = _address(dbname="postgres")
    try:
        with psycopg.connect(_address()[0], password=password) as asking:
            if count_rows(asking):
                raise BackupError(f"The database {name} is not empty. Restore into a new one: nothing was changed.")
    except psycopg.OperationalError as error:
        if "does not exist" not in str(error):
            raise
        with psycopg.connect(address, password=password, autocommit=True) as asking:
            asking.execute(
                sql.SQL("CREATE DATABASE {} TEMPLATE template0 ENCODING 'UTF8'").format(sql.Identifier(name))
            )


def _drop_caches() -> bool:
    """Drops every cached answer, in Redis and in the web processes; returns whether Redis answered.

    The log of served lists and the queues stay. Web processes compare what they hold with the database's state, which
    the restore changed; the row of the invalidation changes it once more.
    """
    redis = get_redis_connection("default")
    kept = tuple(str(cache.make_key(name)).encode() for name in _KEPT)
    try:
        for key in redis.scan_iter(match=str(cache.make_key("*")), count=1000):
            if not key.startswith(kept):
                redis.delete(key)
    except (RedisError, OSError):
        return False
    finally:
        invalidate_catalogue_on_commit()
    return True


def _remove_old(folder: Path, keep: int) -> None:
    """Removes all but the newest backups that are complete; their names sort by time."""
    complete = sorted(dump for dump in folder.glob(_PATTERN) if manifest_path(dump).exists())
    for dump in complete[:-keep]:
        dump.unlink()
        manifest_path(dump).unlink(missing_ok=True)


@contextmanager
def _folder_errors(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise BackupError(f"{error.filename or folder} cannot be written: {error.strerror}.") from error


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

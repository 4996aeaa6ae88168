"""PostgreSQL: whether it answers, its version, its room for connections, its extensions and its migrations."""

import re
import time
from collections.abc import Iterator

import psycopg
from django.db import Error, connection
from django.db.migrations.executor import MigrationExecutor

from recsys_project.doctor.findings import Finding, Level

# What Django supports.
_OLDEST_SERVER = 14
_EXTENSIONS = {"vector": (0, 8), "pg_trgm": (1, 0)}
# The share of max_connections in use from which new processes may soon be refused.
_FULL = 0.9
_CONNECT_SECONDS = 3
_INSTALL = "Install it on the server (Debian: postgresql-NN-pgvector), then run manage.py migrate."


def server_findings() -> Iterator[Finding]:
    """Whether it answers, in which version, and how many connections are in use."""
    try:
        started = time.perf_counter()
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
            took = (time.perf_counter() - started) * 1000
            cursor.execute(
                "SELECT current_setting('server_version_num')::int, current_setting('server_version'),"
                " (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'),"
                " current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int,"
                " pg_size_pretty(pg_database_size(current_database()))"
            )
            number, version, used, room, size = cursor.fetchone()
    except Error as error:
        reason = _reason() or first_line(error)
        advice = "Start PostgreSQL, and compare DATABASE_URL with its address, role and pg_hba.conf."
        yield Finding("database", Level.PROBLEM, f"PostgreSQL does not answer: {reason}", advice)
        return
    yield Finding("database", Level.OK, f"PostgreSQL {version} answers in {took:.0f} ms; the database has {size}.")
    if number // 10_000 < _OLDEST_SERVER:
        advice = "Upgrade the server (pg_upgrade)."
        yield Finding("database", Level.PROBLEM, f"PostgreSQL {version} is older than {_OLDEST_SERVER}.", advice)
    if used >= _FULL * room:
        advice = (
            "Lower DATABASE_POOL_SIZE or WEB_CONCURRENCY, raise max_connections, or put PgBouncer between them; "
            "pg_stat_activity says who holds them."
        )
        yield Finding("database", Level.WARNING, f"{used} of {room} connections are in use.", advice)
    else:
        yield Finding("database", Level.OK, f"{used} of {room} connections are in use.")


def _reason() -> str:
    """Why a connection fails: the pool's own error says only that it had none. Empty if one is made after all."""
    params = {**connection.get_connection_params(), "connect_timeout": _CONNECT_SECONDS}
    try:
        psycopg.connect(**params).close()
    except psycopg.Error as error:
        return first_line(error)
    return ""


def first_line(error: Exception) -> str:
    """An error's first line, or its kind if it says nothing."""
    return str(error).strip().partition("\n")[0] or type(error).__name__


def extension_findings() -> Iterator[Finding]:
    """Whether the extensions that the project needs are there, and new enough."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT extname, extversion FROM pg_extension WHERE extname = ANY(%s)", [list(_EXTENSIONS)])
        installed = dict(cursor.fetchall())
    for name, oldest in _EXTENSIONS.items():
        found = installed.get(name)
        if found is None:
            text = f"The extension {name} is not in this database."
            yield Finding("extensions", Level.PROBLEM, text, _INSTALL)
        elif _numbers(found) < oldest:
            wanted = ".".join(map(str, oldest))
            advice = f"Install {wanted} or newer on the server, then run ALTER EXTENSION {name} UPDATE."
            yield Finding("extensions", Level.PROBLEM, f"{name} {found} is older than {wanted}.", advice)
        else:
            yield Finding("extensions", Level.OK, f"{name} {found} is installed.")


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version))


def migration_findings() -> Iterator[Finding]:
    """Whether the tables are those of this release: neither older nor newer."""
    executor = MigrationExecutor(connection)
    plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    if plan:
        first = f"{plan[0][0].app_label} {plan[0][0].name}"
        text = f"{len(plan)} migrations are not applied, the first is {first}."
        advice = "Stop web and the workers, run manage.py migrate, and start them again (docs/operations.md)."
        yield Finding("migrations", Level.PROBLEM, text, advice)
        return
    loader = executor.loader
    newer = sorted(
        f"{app} {name}"
        for app, name in loader.applied_migrations
        if app in loader.migrated_apps and (app, name) not in loader.disk_migrations
    )
    if newer:
        text = f"The database has migrations that this release does not know: {', '.join(newer[:5])}."
        advice = "Run the release that made them; to go back, undo them with that release first."
        yield Finding("migrations", Level.WARNING, text, advice)
    else:
        yield Finding("migrations", Level.OK, "All migrations are applied.")

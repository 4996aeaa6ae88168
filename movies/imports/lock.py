"""One import at a time: two would match and make the same movies."""

from collections.abc import Callable

from django.db import connection

# Any fixed number: PostgreSQL's advisory locks are known by number, and this one is taken nowhere else.
IMPORT_LOCK = 7_203_411


def take_import_lock(*, on_wait: Callable[[], None] | None = None) -> None:
    """Holds the import lock until the transaction ends; calls ``on_wait`` if another import has to finish first."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [IMPORT_LOCK])
        if cursor.fetchone()[0]:
            return
        if on_wait:
            on_wait()
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [IMPORT_LOCK])

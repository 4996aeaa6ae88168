"""The lock that allows one import at a time: two at once would create the same movies twice."""

from collections.abc import Callable

from movies.db.advisory_locks import transaction_lock

IMPORT_LOCK = "import"


def acquire_import_lock(*, on_wait: Callable[[], None] | None = None) -> None:
    """Holds the import lock until the transaction ends; calls ``on_wait`` if it waits for another import."""
    transaction_lock(IMPORT_LOCK, on_wait=on_wait)

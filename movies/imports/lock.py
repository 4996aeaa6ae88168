"""One import at a time: two would match and make the same movies."""

from collections.abc import Callable

from movies.db.advisory_locks import transaction_lock

IMPORT_LOCK = "import"


def take_import_lock(*, on_wait: Callable[[], None] | None = None) -> None:
    """Holds the import lock until the transaction ends; calls ``on_wait`` if another import has to finish first."""
    transaction_lock(IMPORT_LOCK, on_wait=on_wait)

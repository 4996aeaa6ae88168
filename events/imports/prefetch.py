"""Reading ahead: parsing goes on in a thread while PostgreSQL takes in what was parsed before."""

import threading
from collections.abc import Iterable, Iterator
from queue import Full, Queue
from typing import Generic, TypeVar

T = TypeVar("T")

# Seconds after which a waiting thread looks whether anybody still wants its items.
_PATIENCE = 0.1


class _End:
    """Comes after the last item, with the error that was met, if any."""

    def __init__(self, error: BaseException | None = None) -> None:
        self.error = error


class _Maker(threading.Thread, Generic[T]):
    """Makes the items and puts them into a queue, until they are all made or no longer wanted."""

    def __init__(self, items: Iterable[T], depth: int) -> None:
        super().__init__(name="read-ahead", daemon=True)
        self._items = items
        self.made: Queue[T | _End] = Queue(depth)
        self.unwanted = threading.Event()

    def run(self) -> None:
        error: BaseException | None = None
        try:
            for item in self._items:
                if not self._put(item):
                    return
        except BaseException as caught:
            error = caught
        self._put(_End(error))

    def _put(self, item: T | _End) -> bool:
        """Waits for a place in the queue; False if the items are no longer wanted."""
        while not self.unwanted.is_set():
            try:
                self.made.put(item, timeout=_PATIENCE)
            except Full:
                continue
            return True
        return False


def read_ahead(items: Iterable[T], depth: int = 2) -> Iterator[T]:
    """Yields ``items`` in their order, made in a thread that keeps up to ``depth`` of them ready.

    An error in the making is raised here, after the items before it. The thread ends when the iterator is closed.
    ``items`` must not use the database: connections belong to their thread.
    """
    maker = _Maker(items, depth)
    maker.start()
    try:
        # The maker puts an end whatever happens, so this wait is not for ever.
        while not isinstance(item := maker.made.get(), _End):
            yield item
        if item.error is not None:
            raise item.error
    finally:
        maker.unwanted.set()
        maker.join()

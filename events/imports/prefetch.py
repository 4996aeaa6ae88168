"""Prefetches items in a thread: the next ones are parsed while PostgreSQL stores the ones before."""

import threading
from collections.abc import Iterable, Iterator
from queue import Full, Queue
from typing import Generic, TypeVar

T = TypeVar("T")

# Seconds a blocked producer waits before it checks whether it was stopped.
_PUT_TIMEOUT_SECONDS = 0.1


class _End:
    """Marks the end of the items; ``error`` is the exception that ended them, if any."""

    def __init__(self, error: BaseException | None = None) -> None:
        self.error = error


class _Producer(threading.Thread, Generic[T]):
    """Produces the items into a queue until they end or the consumer stops."""

    def __init__(self, items: Iterable[T], depth: int) -> None:
        super().__init__(name="prefetch", daemon=True)
        self._items = items
        self.queue: Queue[T | _End] = Queue(depth)
        self.stopped = threading.Event()

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
        """Waits for space in the queue; False if the consumer has stopped."""
        while not self.stopped.is_set():
            try:
                self.queue.put(item, timeout=_PUT_TIMEOUT_SECONDS)
            except Full:
                continue
            return True
        return False


def prefetch(items: Iterable[T], depth: int = 2) -> Iterator[T]:
    """Yields ``items`` in order, while a thread keeps up to ``depth`` of them ready.

    An exception of ``items`` is raised here, after the items before it. The thread ends when the iterator is closed.
    ``items`` must not use the database, since each thread has its own connection.
    """
    producer = _Producer(items, depth)
    producer.start()
    try:
        # The producer always puts an end marker, so this does not block forever.
        while not isinstance(item := producer.queue.get(), _End):
            yield item
        if item.error is not None:
            raise item.error
    finally:
        producer.stopped.set()
        producer.join()

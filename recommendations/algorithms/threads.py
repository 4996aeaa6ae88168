"""Work on blocks by the threads of this process: NumPy and SciPy compute without the interpreter's lock."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from threadpoolctl import threadpool_info, threadpool_limits

Item = TypeVar("Item")
Result = TypeVar("Result")


def limited_threads(threads: int) -> threadpool_limits:
    """A block in which linear algebra has at most this many threads: 0 for one a core, and never more than that.

    With more threads than cores, OpenBLAS waits for its own threads and takes ten times as long, or hours.
    """
    return threadpool_limits(min(threads, _core_count()) or None)


def _core_count() -> int:
    """The cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def thread_count() -> int:
    """The number of threads for blocks: as many as linear algebra may use now (``threadpool_limits``)."""
    return max((int(pool["num_threads"]) for pool in threadpool_info() if pool["user_api"] == "blas"), default=1)


def map_in_threads(function: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
    """The results in the order of the items; at most two for each thread are computed ahead of their use.

    Meanwhile linear algebra has one thread for each call: the cores are taken by the blocks.
    """
    workers = thread_count()
    if workers == 1:
        yield from map(function, items)
        return
    waiting: deque[Future[Result]] = deque()
    with threadpool_limits(1), ThreadPoolExecutor(workers) as pool:
        try:
            for item in items:
                waiting.append(pool.submit(function, item))
                if len(waiting) > 2 * workers:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()

import threading

import pytest

from events.imports.prefetch import prefetch


def test_items_come_in_their_order():
    assert list(prefetch(range(100))) == list(range(100))
    assert list(prefetch([])) == []


def test_an_error_comes_after_the_items_before_it():
    def items():
        yield 1
        raise LookupError("two")

    reading = prefetch(items())
    assert next(reading) == 1
    with pytest.raises(LookupError, match="two"):
        next(reading)


def test_the_thread_ends_when_nobody_reads_on():
    reading = prefetch(iter(int, 1))
    next(reading)
    reading.close()
    assert "prefetch" not in [thread.name for thread in threading.enumerate()]


def test_no_more_is_made_than_was_asked_for():
    made = []
    reading = prefetch((made.append(n) for n in range(100)), depth=1)
    next(reading)
    reading.close()
    assert len(made) <= 4

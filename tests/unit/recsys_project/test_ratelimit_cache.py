"""Counting requests for django-ratelimit in one round trip a window."""

import pytest
from django.core.cache import caches
from django_redis import get_redis_connection
from redis import Redis

KEY = "rl:somebody"


@pytest.fixture
def counts():
    cache = caches["ratelimit"]
    cache.delete_pattern("*")
    return cache


def count(cache) -> int:
    """As django-ratelimit counts."""
    return 1 if cache.add(KEY, 1, 60) else cache.incr(KEY)


def test_every_request_counts_once(counts):
    assert [count(counts) for _ in range(4)] == [1, 2, 3, 4]
    assert counts.get(KEY) == 4


def test_the_count_ends_with_its_window_however_many_came(counts):
    count(counts)
    get_redis_connection("ratelimit").expire(counts.make_key(KEY), 20)
    count(counts)

    assert 0 < counts.ttl(KEY) <= 20


def test_a_new_count_is_kept_for_its_window(counts):
    count(counts)

    assert 50 < counts.ttl(KEY) <= 60


def test_the_count_of_one_request_is_not_that_of_another(counts):
    counts.add(KEY, 1, 60)
    counts.add(KEY, 1, 60)
    counts.add("rl:other", 1, 60)

    assert counts.incr(KEY) == 3


def test_a_value_that_is_no_count_is_added_as_ever(counts):
    assert counts.add(KEY, 0, 60) is True
    assert counts.add(KEY, 0, 60) is False
    assert counts.get(KEY) == 0


def test_one_window_is_one_command(counts, monkeypatch):
    count(counts)
    sent = []
    execute = Redis.execute_command
    monkeypatch.setattr(
        Redis, "execute_command", lambda *given, **options: (sent.append(given[1]), execute(*given, **options))[1]
    )

    assert count(counts) == 2
    assert sent == ["EVALSHA"]

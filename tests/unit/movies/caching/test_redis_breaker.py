"""A hung Redis costs a process one timeout, and receives the pending tokens afterwards."""

import contextlib
import threading
import time
from collections.abc import Iterator

import pytest
from django.core.cache import caches
from django_redis import get_redis_connection
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import ResponseError
from redis.exceptions import TimeoutError as RedisTimeoutError

from events import list_invalidation
from movies.caching import redis_breaker, version_tokens
from movies.caching.redis_breaker import CircuitBreaker, RedisUnavailableError
from recsys_project.exceptions import LimitExceededError
from recsys_project.ratelimits import limit
from tests.functional.store import Store
from tests.tokens import user_token_key


@pytest.fixture(scope="module")
def running(tmp_path_factory) -> Iterator[Store]:
    store = Store(tmp_path_factory.mktemp("r"))
    yield store
    store.kill()


@pytest.fixture
def store(running, settings, monkeypatch) -> Store:
    """What the caches speak to; the thread that asks does so quickly."""
    monkeypatch.setattr(redis_breaker, "PROBE_SECONDS", 0.02)
    version_tokens._pending.clear()
    settings.CACHES = {alias: {**config, "LOCATION": running.url} for alias, config in settings.CACHES.items()}
    redis = get_redis_connection("default")
    redis.connection_pool.breaker.answered()
    redis.connection_pool.disconnect()
    return running


def test_the_first_call_waits_and_the_others_fail_at_once(store):
    redis = get_redis_connection("default")
    with store.hung():
        with pytest.raises(RedisTimeoutError):
            redis.get("key")
        for _ in range(3):
            with pytest.raises(RedisUnavailableError):
                redis.get("key")
        # Both aliases speak to one Redis.
        with pytest.raises(RedisUnavailableError):
            get_redis_connection("ratelimit").get("key")


def test_an_open_connection_that_hangs_opens_the_breaker_too(store):
    redis = get_redis_connection("default")
    assert redis.ping()
    with store.hung():
        with pytest.raises(RedisTimeoutError):
            redis.get("key")
        with pytest.raises(RedisUnavailableError):
            redis.get("key")


def closed_again(redis) -> bool:
    """Whether the breaker closes, without a call that asks for it."""
    deadline = time.monotonic() + 20
    while redis.connection_pool.breaker._open and time.monotonic() < deadline:
        time.sleep(0.01)
    return not redis.connection_pool.breaker._open


def test_no_caller_waits_again_while_redis_hangs(store):
    redis = get_redis_connection("default")
    with store.hung():
        with pytest.raises(RedisTimeoutError):
            redis.get("key")
        # Long enough for the thread to have asked several times.
        for _ in range(20):
            time.sleep(0.05)
            with pytest.raises(RedisUnavailableError):
                redis.get("key")


def test_an_answer_to_the_thread_closes_it(store):
    redis = get_redis_connection("default")
    with store.hung(), pytest.raises(RedisTimeoutError):
        redis.get("key")

    assert closed_again(redis)
    assert redis.set("key", "value")
    assert redis.get("key") == b"value"


def test_one_thread_asks_however_many_calls_fail(store):
    redis = get_redis_connection("default")
    with store.hung():
        callers = [threading.Thread(target=swallowed, args=(redis,)) for _ in range(8)]
        for caller in callers:
            caller.start()
        for caller in callers:
            caller.join()
        assert [thread.name for thread in threading.enumerate()].count("redis-probe") == 1

    assert closed_again(redis)


def swallowed(redis) -> None:
    with contextlib.suppress(RedisConnectionError, RedisTimeoutError):
        redis.get("key")


def test_a_process_without_its_thread_starts_another(store):
    redis = get_redis_connection("default")
    breaker = redis.connection_pool.breaker
    breaker._open, breaker._thread = True, None  # As a fork finds it.

    with pytest.raises(RedisUnavailableError):
        redis.get("key")

    assert closed_again(redis)


def test_the_thread_ends_with_its_pool():
    asked = []
    breaker = CircuitBreaker(lambda: bool(asked.append(1)))

    breaker.failed()
    breaker._thread.join(timeout=20)

    assert asked == [1]
    with pytest.raises(RedisUnavailableError):
        breaker.check()


def test_a_refused_connection_and_an_error_open_nothing(store, settings):
    with pytest.raises(ResponseError):
        get_redis_connection("default").eval("return unheard_of()", 0)
    assert get_redis_connection("default").ping()

    settings.CACHES = {"default": {**settings.CACHES["default"], "LOCATION": "redis://127.0.0.1:1/0"}}
    for _ in range(2):
        with pytest.raises(RedisConnectionError) as refused:
            get_redis_connection("default").ping()
        assert not isinstance(refused.value, RedisUnavailableError)


def test_a_token_pending_for_a_hung_redis_is_set_by_the_thread(store):
    list_invalidation.invalidate_user(5)
    key = user_token_key(5)
    before = get_redis_connection("default").get(key)
    with store.hung():
        list_invalidation.invalidate_user(5)
        assert version_tokens.read_token("all") is None
        assert version_tokens.has_pending()

    deadline = time.monotonic() + 20
    while version_tokens.has_pending() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not version_tokens.has_pending()
    assert get_redis_connection("default").get(key) not in (None, before)


@pytest.mark.parametrize(("path", "refused"), [("/api/auth/token/", True), ("/api/movies/", False)])
def test_a_hung_redis_refuses_sign_ins_alone(store, settings, rf, path, refused):
    settings.RATELIMIT_ENABLE = True
    caches["ratelimit"].delete_pattern("*")
    request = rf.post(path) if refused else rf.get(path)
    request.resolver_match = type("Match", (), {"route": path[1:]})
    limit(request)
    with store.hung():
        for _ in range(2):
            if not refused:
                limit(request)
                continue
            with pytest.raises(LimitExceededError) as caught:
                limit(request)
            assert caught.value.store_unavailable
            assert caught.value.retry_after == 5

"""Concurrent cache misses, and stale lists."""

import threading
import time
from uuid import UUID

import orjson
import pytest
from django_redis import get_redis_connection

from recommendations.serving import list_cache, services
from recommendations.serving.rendering import RenderedList


def recommendation_id(user) -> str:
    return orjson.loads(services.recommendation_list(user=user, limit=1))["recommendation_id"]


def test_concurrent_misses_wait_for_the_computed_list(cast):
    held = list_cache.lookup(cast.alice.pk)
    coming_id = UUID(int=1)
    rendered = RenderedList(coming_id, (), b'{"recommendation_id":"%b"' % str(coming_id).encode(), b"{}", ())
    coming = threading.Timer(0.2, list_cache.store, [rendered], {"user_id": cast.alice.pk, "own": held})
    coming.start()

    assert held.lock_token is not None
    assert list_cache.lookup(cast.alice.pk).lock_token is None
    assert recommendation_id(cast.alice) == str(coming_id)
    coming.join()


def test_a_request_that_waits_too_long_computes(cast, monkeypatch):
    monkeypatch.setattr(list_cache, "LOCK_SECONDS", 0.1)
    list_cache.lookup(cast.alice.pk)

    assert recommendation_id(cast.alice)


def test_a_stale_list_is_served_only_during_another_computation(cast, monkeypatch):
    first = recommendation_id(cast.alice)
    late = time.time() + 3700
    monkeypatch.setattr(list_cache.time, "time", lambda: late)
    held = list_cache.lookup(cast.alice.pk)

    assert held.stale
    assert held.lock_token is not None
    assert recommendation_id(cast.alice) == first
    list_cache.release_lock(cast.alice.pk, held)
    assert recommendation_id(cast.alice) != first


def test_a_fresh_list_takes_no_lock(cast):
    recommendation_id(cast.alice)

    assert list_cache.lookup(cast.alice.pk).lock_token is None


def test_a_lock_is_released_by_its_holder_alone(cast):
    held = list_cache.lookup(cast.alice.pk)
    list_cache.release_lock(cast.alice.pk, held._replace(lock_token="another"))

    assert list_cache.lookup(cast.alice.pk).lock_token is None


def test_a_failed_computation_releases_the_lock(cast, monkeypatch):
    def failing(*_args, **_kwargs):
        raise RuntimeError("PostgreSQL is away")

    with monkeypatch.context() as patched:
        patched.setattr(services, "gather_for_user", failing)
        with pytest.raises(RuntimeError):
            recommendation_id(cast.alice)

    assert list_cache.lookup(cast.alice.pk).lock_token is not None


def test_a_list_is_stored_once(cast):
    shown = recommendation_id(cast.alice)
    redis = get_redis_connection("default")
    holding = [key for key in redis.keys("*") if redis.type(key) == b"string" and redis.strlen(key) > 1000]

    assert [key.decode().rpartition(":")[2] for key in holding if b"served" in key or b"list" in key] == [shown]

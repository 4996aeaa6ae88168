"""The first connection to a restarted Redis invalidates the cached lists."""

import pytest
from django_redis import get_redis_connection

from movies.caching.redis_pool import RUN_ID
from movies.caching.version_tokens import CATALOGUE, invalidate_catalogue, token_key


@pytest.fixture(autouse=True)
def _restored():
    yield
    get_redis_connection("default").delete(token_key(RUN_ID))


def catalogue_after_a_new_connection() -> bytes | None:
    """The catalogue's token as the next connection finds it."""
    redis = get_redis_connection("default")
    redis.connection_pool.disconnect()
    return redis.get(token_key(CATALOGUE))


def run() -> bytes | None:
    return get_redis_connection("default").get(token_key(RUN_ID))


def test_only_the_first_connection_to_another_run_sets_a_token():
    invalidate_catalogue()
    redis = get_redis_connection("default")
    before, own = redis.get(token_key(CATALOGUE)), redis.info("server")["run_id"].encode()
    redis.set(token_key(RUN_ID), "another")

    after = catalogue_after_a_new_connection()

    assert after not in (before, None)
    assert run() == own
    assert catalogue_after_a_new_connection() == after


def test_without_a_known_run_no_token_is_set():
    invalidate_catalogue()
    redis = get_redis_connection("default")
    before = redis.get(token_key(CATALOGUE))
    redis.delete(token_key(RUN_ID))

    assert catalogue_after_a_new_connection() == before
    assert run() == redis.info("server")["run_id"].encode()

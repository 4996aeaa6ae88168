"""Tokens: fresh each time, and never an error when Redis is away."""

import pytest
from django_redis import get_redis_connection
from redis.exceptions import ConnectionError as RedisConnectionError

from events import list_invalidation
from movies.caching import version_tokens
from tests.tokens import user_token, user_token_key


@pytest.fixture(autouse=True)
def _nothing_pending():
    version_tokens._pending.clear()
    yield
    version_tokens._pending.clear()


def read(key: str) -> bytes | None:
    return get_redis_connection("default").get(key)


def test_each_token_is_new_and_outlives_a_cached_list():
    list_invalidation.invalidate_user(7)
    first = user_token(7)
    list_invalidation.invalidate_user(7)

    assert first is not None
    assert user_token(7) != first
    assert get_redis_connection("default").ttl(user_token_key(7)) > 3600


def test_a_persons_token_does_not_change_other_tokens():
    version_tokens.invalidate_catalogue()
    list_invalidation.invalidate_user(8)
    before = read(list_invalidation.catalogue_token_key()), user_token(8)

    list_invalidation.invalidate_user(9)

    assert (read(list_invalidation.catalogue_token_key()), user_token(8)) == before


def test_a_change_during_another_announcement_is_announced(monkeypatch):
    """Another thread adds its change while the first one's token is on its way."""
    tokens, send = [], version_tokens._set

    def slow(names, changes):
        send(names, changes)
        if not tokens:
            tokens.append(read(list_invalidation.catalogue_token_key()))
            version_tokens._pending.add((version_tokens.CATALOGUE, "", next(version_tokens._numbers)))

    monkeypatch.setattr(version_tokens, "_set", slow)
    version_tokens.invalidate_catalogue()

    assert read(list_invalidation.catalogue_token_key()) != tokens[0]
    assert not version_tokens.has_pending()


def test_more_tokens_than_one_batch_are_all_sent(monkeypatch):
    monkeypatch.setattr(version_tokens, "_BATCH_SIZE", 2)
    before = [user_token(user) for user in range(5)]

    assert version_tokens.invalidate_each((f"user:{user}", str(user)) for user in range(5))

    after = [user_token(user) for user in range(5)]
    assert all(token and token != old for token, old in zip(after, before, strict=True))
    assert None not in get_redis_connection("default").zmscore(
        version_tokens.announced_key(), [str(n) for n in range(5)]
    )


def test_a_token_that_redis_missed_is_set_when_redis_is_back(monkeypatch):
    def away(alias: str):
        raise RedisConnectionError("gone")

    list_invalidation.invalidate_user(5)
    before = user_token(5)
    with monkeypatch.context() as patched:
        patched.setattr(version_tokens, "get_redis_connection", away)
        patched.setattr(version_tokens, "_start_retrying", lambda: None)
        list_invalidation.invalidate_user(5)
        assert version_tokens.flush_pending() is False
    assert user_token(5) == before

    assert version_tokens.flush_pending() is True

    assert user_token(5) != before

"""Stamps: fresh each time, and never an error when Redis is away."""

import pytest
from django_redis import get_redis_connection
from redis.exceptions import ConnectionError as RedisConnectionError

from events import list_stamp
from movies.caching import stamps


@pytest.fixture(autouse=True)
def _nothing_owed():
    stamps._owed.clear()
    yield
    stamps._owed.clear()


def read(key: str) -> bytes | None:
    return get_redis_connection("default").get(key)


def test_each_stamp_is_a_fresh_token_that_outlives_a_cached_list():
    list_stamp.stamp_user(7)
    first = read(list_stamp.user_stamp_key(7))
    list_stamp.stamp_user(7)

    assert first is not None
    assert read(list_stamp.user_stamp_key(7)) != first
    assert get_redis_connection("default").ttl(list_stamp.user_stamp_key(7)) > 3600


def test_one_persons_stamp_leaves_others_and_the_catalogues_alone():
    stamps.stamp_catalogue()
    list_stamp.stamp_user(8)
    before = read(list_stamp.catalogue_stamp_key()), read(list_stamp.user_stamp_key(8))

    list_stamp.stamp_user(9)

    assert (read(list_stamp.catalogue_stamp_key()), read(list_stamp.user_stamp_key(8))) == before


def test_a_change_during_the_announcement_of_another_is_announced_too(monkeypatch):
    """Another thread adds its change while the first one's stamp is on its way."""
    tokens, send = [], stamps._set

    def slow(names, changes):
        send(names, changes)
        if not tokens:
            tokens.append(read(list_stamp.catalogue_stamp_key()))
            stamps._owed.add((stamps.CATALOGUE, "", next(stamps._numbers)))

    monkeypatch.setattr(stamps, "_set", slow)
    stamps.stamp_catalogue()

    assert read(list_stamp.catalogue_stamp_key()) != tokens[0]
    assert not stamps.unannounced()


def test_more_than_are_sent_at_once_are_all_sent(monkeypatch):
    monkeypatch.setattr(stamps, "_AT_ONCE", 2)
    before = [read(list_stamp.user_stamp_key(user)) for user in range(5)]

    assert stamps.stamp_each((f"user:{user}", str(user)) for user in range(5))

    after = [read(list_stamp.user_stamp_key(user)) for user in range(5)]
    assert all(token and token != old for token, old in zip(after, before, strict=True))
    assert None not in get_redis_connection("default").zmscore(stamps.announced_key(), [str(n) for n in range(5)])


def test_a_stamp_that_redis_missed_is_set_when_redis_is_back(monkeypatch):
    def away(alias: str):
        raise RedisConnectionError("gone")

    list_stamp.stamp_user(5)
    before = read(list_stamp.user_stamp_key(5))
    with monkeypatch.context() as patched:
        patched.setattr(stamps, "get_redis_connection", away)
        patched.setattr(stamps, "_deliver_later", lambda: None)
        list_stamp.stamp_user(5)
        assert stamps.settle() is False
    assert read(list_stamp.user_stamp_key(5)) == before

    assert stamps.settle() is True

    assert read(list_stamp.user_stamp_key(5)) != before

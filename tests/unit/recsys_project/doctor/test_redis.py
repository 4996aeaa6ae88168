"""The doctor says what is wrong with a Redis that evicts, and what to do."""

import pytest
from django_redis import get_redis_connection

from recsys_project.doctor import redis_servers
from recsys_project.doctor.findings import Level


@pytest.fixture
def evicting():
    """The Redis of the tests with a limit that it is far from."""
    client = get_redis_connection("default")
    before = {name: client.config_get(name)[name] for name in ("maxmemory", "maxmemory-policy")}
    client.config_set("maxmemory", "4gb")
    client.config_set("maxmemory-policy", "allkeys-lru")
    yield
    for name, value in before.items():
        client.config_set(name, value)


@pytest.mark.parametrize(
    ("check", "level", "lost"),
    [
        (redis_servers.broker_findings, Level.PROBLEM, "tasks"),
        (redis_servers.cache_findings, Level.WARNING, "entries of served lists"),
    ],
)
def test_a_redis_that_may_evict_is_named(evicting, check, level, lost):
    [found] = [finding for finding in check() if "evict" in finding.message]

    assert (found.level, found.message) == (level, f"It may evict {lost}: its policy is allkeys-lru.")
    assert "CONFIG SET maxmemory-policy noeviction" in found.advice
    # Queues and streams are still looked at.
    assert found.usable


@pytest.mark.parametrize("check", [redis_servers.broker_findings, redis_servers.cache_findings])
def test_a_redis_that_never_evicts_is_not(check):
    assert not [finding for finding in check() if "evict" in finding.message]

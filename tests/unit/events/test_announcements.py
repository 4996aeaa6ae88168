"""The sweep for what was committed and not announced. Nothing here commits, so only the sweep announces anything."""

import time
from datetime import timedelta

import pytest
from django.utils import timezone
from django_redis import get_redis_connection
from redis.exceptions import ConnectionError as RedisConnectionError

from events import announcements
from events.announcements import changes_announce
from events.list_invalidation import invalidate_user_on_commit
from events.models import Interaction
from events.services import interaction_record
from movies.caching import version_tokens
from movies.caching.version_tokens import CATALOGUE, record_invalidation, token_key
from movies.models import CacheInvalidation
from tests.factories import client_of
from tests.tokens import user_token

MINUTE = timedelta(minutes=1)


def event(user, movie, *, age: timedelta = MINUTE, kind: str = "dislike") -> Interaction:
    """One that was received ``age`` ago and whose process died before it could announce it."""
    at = timezone.now() - age
    return Interaction.objects.create(user=user, movie=movie, kind=kind, occurred_at=at, received_at=at)


def backdate(event: Interaction, age: timedelta) -> None:
    at = timezone.now() - age
    Interaction.objects.filter(pk=event.pk).update(occurred_at=at, received_at=at)


@pytest.fixture(autouse=True)
def _swept_before(cast) -> None:
    """The last sweep was ten minutes ago."""
    get_redis_connection("default").set(announcements._swept_key(), time.time() - 600)


@pytest.fixture(autouse=True)
def _nothing_pending():
    yield
    version_tokens._pending.clear()


def test_an_event_whose_token_was_lost_is_announced_once(cast):
    changes_announce()
    event(cast.bob, cast["Heat"])
    before, other = user_token(cast.bob.pk), user_token(cast.carol.pk)

    assert changes_announce() == 1

    after = user_token(cast.bob.pk)
    assert after != before
    assert user_token(cast.carol.pk) == other
    assert changes_announce() == 0
    assert user_token(cast.bob.pk) == after


def test_a_disliked_movie_leaves_the_list_after_the_sweep(cast):
    client, heat = client_of(cast.alice), cast["Heat"].pk
    shown = [item["movie"]["id"] for item in client.get("/api/recommendations/").json()["items"]]
    assert heat in shown
    event(cast.alice, cast["Heat"])
    changes_announce()

    assert heat not in [item["movie"]["id"] for item in client.get("/api/recommendations/").json()["items"]]


def test_an_announced_event_is_left_alone(cast, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks(execute=True):
        announced, _ = interaction_record(user=cast.bob, movie_id=cast["Heat"].pk, kind="like")
    backdate(announced, MINUTE)
    before = user_token(cast.bob.pk)

    assert changes_announce() == 0
    assert user_token(cast.bob.pk) == before


def test_an_event_that_commits_late_is_found_after_a_newer_one(cast, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks(execute=True):
        announced, _ = interaction_record(user=cast.bob, movie_id=cast["Heat"].pk, kind="like")
    backdate(announced, MINUTE / 2)
    changes_announce()
    # Received before it, and seen only now.
    event(cast.bob, cast["Casino"])
    before = user_token(cast.bob.pk)

    assert changes_announce() == 1
    assert user_token(cast.bob.pk) != before


def test_an_event_of_this_moment_is_left_to_its_own_process(cast):
    event(cast.bob, cast["Heat"], age=timedelta(0))

    assert changes_announce() == 0


def test_after_long_without_a_sweep_every_list_is_computed_again(cast):
    event(cast.bob, cast["Heat"], age=timedelta(minutes=90))
    get_redis_connection("default").delete(announcements._swept_key())
    before = get_redis_connection("default").get(token_key(CATALOGUE))

    assert changes_announce() == 0

    after = get_redis_connection("default").get(token_key(CATALOGUE))
    assert after not in (None, before)
    changes_announce()
    assert get_redis_connection("default").get(token_key(CATALOGUE)) == after


def test_marks_that_no_sweep_looks_at_are_dropped(cast):
    redis = get_redis_connection("default")
    old, new = time.time() - 300, time.time()
    redis.zadd(version_tokens.announced_key(), {"1": old, "2": new})

    changes_announce()

    assert redis.zmscore(version_tokens.announced_key(), ["1", "2"]) == [None, pytest.approx(new)]


def test_many_lost_events_are_announced_block_by_block(cast, monkeypatch):
    monkeypatch.setattr(announcements, "_BATCH_SIZE", 2)
    for movie in cast.movies.values():
        event(cast.bob, movie)

    assert changes_announce() == 9
    assert changes_announce() == 0


def test_what_staff_did_to_a_person_is_announced_once(cast):
    invalidate_user_on_commit(cast.bob.pk)
    before = user_token(cast.bob.pk)

    assert changes_announce() == 1

    assert user_token(cast.bob.pk) != before
    assert not CacheInvalidation.objects.exists()
    assert changes_announce() == 0


def test_with_redis_away_the_sweep_keeps_all_for_the_next(cast, monkeypatch):
    changes_announce()
    invalidate_user_on_commit(cast.bob.pk)
    event(cast.carol, cast["Heat"])

    def away(alias: str):
        raise RedisConnectionError("gone")

    with monkeypatch.context() as patched:
        patched.setattr(version_tokens, "get_redis_connection", away)
        assert changes_announce() == 0
    assert CacheInvalidation.objects.count() == 1
    with monkeypatch.context() as patched:
        patched.setattr(announcements, "get_redis_connection", away)
        assert changes_announce() == 0
    before = user_token(cast.carol.pk)
    # Another process sweeps next.
    version_tokens._pending.clear()

    assert changes_announce() == 1
    assert CacheInvalidation.objects.count() == 0
    assert user_token(cast.carol.pk) != before


def test_the_catalogues_changes_stay_for_readers_to_compare(cast):
    record_invalidation(CATALOGUE)
    before = get_redis_connection("default").get(token_key(CATALOGUE))

    assert changes_announce() == 0

    assert CacheInvalidation.objects.filter(name=CATALOGUE).count() == 1
    assert get_redis_connection("default").get(token_key(CATALOGUE)) == before


def test_a_sweep_that_finds_nothing_costs_few_queries(cast, django_assert_num_queries):
    changes_announce()

    # With the statements that begin and end a savepoint.
    with django_assert_num_queries(5):
        changes_announce()


def test_many_lost_events_need_one_token(cast, monkeypatch):
    changes_announce()
    monkeypatch.setattr(announcements, "_MAX_UNANNOUNCED", 2)
    monkeypatch.setattr(announcements, "_BATCH_SIZE", 1)
    for person in (cast.alice, cast.bob, cast.carol):
        event(person, cast["Heat"])
    redis = get_redis_connection("default")
    before, carols = redis.get(token_key(CATALOGUE)), user_token(cast.carol.pk)

    assert changes_announce() == 3

    assert redis.get(token_key(CATALOGUE)) != before
    assert user_token(cast.carol.pk) == carols

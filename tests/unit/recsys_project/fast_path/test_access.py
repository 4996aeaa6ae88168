"""Entries of access in Redis: what is blocked stays blocked, and what is old is not written."""

import time

import pytest
from django.db import transaction
from django_redis import get_redis_connection

from accounts.access_changes import RETENTION, access_changes_flush
from accounts.clients.services import key_revoke
from accounts.models import AccessChange, User
from accounts.signins import sign_ins_end, tokens_issue
from recsys_project.fast_path.access import access_changed, entry_key, remember
from tests.factories import make_key, make_user


@pytest.fixture
def redis():
    client = get_redis_connection("default")
    client.delete(entry_key("user:1"))
    yield client
    client.delete(entry_key("user:1"))


def subjects() -> list[str]:
    return list(AccessChange.objects.order_by("pk").values_list("subject", flat=True))


def test_an_entry_holds_the_stamp_and_the_value(redis):
    remember({"user:1": "7"}, stamp="run:1", read_at=time.time())
    assert redis.get(entry_key("user:1")) == b"run:1 7"
    remember({"user:1": "8"}, stamp="run:2", read_at=time.time())
    assert redis.get(entry_key("user:1")) == b"run:2 8"
    assert 3500 < redis.ttl(entry_key("user:1")) <= 3600


@pytest.mark.parametrize("committed", [False, True])
def test_a_blocked_entry_is_not_overwritten(redis, committed):
    access_changed(["user:1"], committed)
    remember({"user:1": "7"}, stamp="run:1", read_at=time.time())
    assert redis.get(entry_key("user:1")) == b"-"


def test_what_was_read_too_long_ago_is_not_written(redis):
    remember({"user:1": "7"}, stamp="run:1", read_at=time.time() - 2.1)
    assert redis.get(entry_key("user:1")) is None


def test_a_block_before_a_change_outlives_its_transaction(redis):
    access_changed(["user:1"], False)
    assert 50 < redis.ttl(entry_key("user:1")) <= 60
    access_changed(["user:1"], True)
    assert 3 < redis.ttl(entry_key("user:1")) <= 5


@pytest.mark.django_db
def test_triggers_record_what_ends_access():
    user, key = make_user(), make_key()
    prefix = key.partition(".")[0]
    tokens_issue(user=user)
    assert subjects() == []

    User.objects.filter(pk=user.pk).update(display_name="Ada", last_login=None)
    assert subjects() == []
    User.objects.filter(pk=user.pk).update(personalisation=False)
    key_revoke(prefix=prefix)
    sign_ins_end(user=user)
    family, pk = user.refresh_tokens.get().family.hex, user.pk
    user.delete()

    assert sorted(set(subjects())) == sorted({f"user:{pk}", f"key:{prefix}", f"family:{family}"})
    assert subjects().count(f"user:{pk}") == 3


@pytest.mark.django_db
def test_a_change_that_is_rolled_back_leaves_no_row():
    user = make_user()
    with transaction.atomic():
        User.objects.filter(pk=user.pk).update(is_active=False)
        transaction.set_rollback(True)
    assert subjects() == []


@pytest.mark.django_db
def test_old_changes_are_deleted():
    AccessChange.objects.create(subject="user:1", xact=1)
    AccessChange.objects.create(subject="user:2", xact=1)
    old = AccessChange.objects.filter(subject="user:1")
    old.update(created_at=old.get().created_at - RETENTION)

    assert access_changes_flush() == 1
    assert subjects() == ["user:2"]

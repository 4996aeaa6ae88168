"""Which lists a person was shown: before and after they are written, and while Redis is away."""

import uuid

import pytest

from accounts.privacy.services import taste_reset
from events.models import ServedRecommendation
from events.served.list_ids import list_id_new, time_of
from events.served.log import served_append, served_write
from events.served.ownership import lists_shown_to
from events.served.stream import known_lists_key, redis_client
from tests.factories import make_user
from tests.served import a_list, drain

pytestmark = pytest.mark.django_db


@pytest.fixture
def redis_away(settings):
    """Points the cache at a port where nothing listens."""
    settings.CACHES = settings.CACHES | {
        "default": settings.CACHES["default"] | {"LOCATION": "redis://127.0.0.1:1/0"},
    }


def test_only_the_persons_own_lists_were_shown_to_them():
    ada, bob = make_user(), make_user()
    mine, theirs, guests = a_list(ada.pk), a_list(bob.pk), a_list(None)
    for served in (mine, theirs, guests):
        served_append(served)
    invented = [list_id_new(), uuid.uuid4()]
    ids = [mine.id, theirs.id, guests.id, *invented]

    assert lists_shown_to(ada, ids) == ({mine.id}, set())
    drain()
    redis_client().delete(known_lists_key(ada.pk))
    assert lists_shown_to(ada, ids) == ({mine.id}, set())
    assert lists_shown_to(bob, ids) == ({theirs.id}, set())


def test_a_list_with_an_id_of_the_former_kind_is_found():
    user, list_id = make_user(), uuid.uuid4()
    ServedRecommendation.objects.create(id=list_id, user=user, endpoint="x", movie_ids=[1], scores=[1])

    assert time_of(list_id) is None
    assert lists_shown_to(user, [list_id]) == ({list_id}, set())
    assert lists_shown_to(make_user(), [list_id]) == (set(), set())


def test_a_list_from_before_a_reset_was_not_shown(django_capture_on_commit_callbacks):
    user = make_user()
    served = a_list(user.pk)
    served_append(served)
    with django_capture_on_commit_callbacks(execute=True):
        taste_reset(user=user)
    drain()

    assert lists_shown_to(user, [served.id]) == (set(), set())


@pytest.mark.usefixtures("redis_away")
def test_with_redis_away_lists_are_written_at_once():
    user = make_user()
    served = a_list(user.pk)
    served_append(served)
    waiting, former = list_id_new(), uuid.uuid4()

    assert ServedRecommendation.objects.get().pk == served.id
    assert lists_shown_to(user, [served.id, waiting, former]) == ({served.id}, {waiting})


def test_with_the_log_off_nothing_is_decided(settings):
    user = make_user()
    served = a_list(user.pk)
    served_write(served)
    settings.SERVED_LOG = False

    assert lists_shown_to(user, [served.id]) == (set(), {served.id})


def test_ids_are_of_version_7_and_rise():
    ids = [list_id_new() for _ in range(100)]

    assert {(list_id.version, list_id.variant) for list_id in ids} == {(7, uuid.RFC_4122)}
    assert len(set(ids)) == 100
    assert sorted(map(time_of, ids)) == list(map(time_of, ids))

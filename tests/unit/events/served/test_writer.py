"""What waits in the stream is written once, or dropped, or becomes a dead letter."""

import time
import uuid
from datetime import timedelta

import pytest
from django.db import OperationalError
from django.utils import timezone

from accounts.deletion import user_delete
from accounts.privacy.services import taste_reset
from events.models import ListImpression, ServedRecommendation
from events.served import writer
from events.served.entries import Shown
from events.served.log import served_append, served_write
from events.served.selectors import stream_state
from events.served.stream import dead_key, redis_client, stream_key
from tests.factories import make_user
from tests.served import a_list, drain, impressions, list_id_at, served_lists

pytestmark = pytest.mark.django_db


def page_of(served, start: int = 0, count: int = 2) -> Shown:
    return Shown(recommendation_id=served.id, user_id=served.user_id, start=start, count=count, request_id="r")


def test_a_list_is_written_as_it_was_served():
    user = make_user()
    made = a_list(
        user.pk,
        (5, 4, 6),
        sources=[0, 1, 3],
        explored=[6],
        client_id=9,
        experiment="e",
        arm="a\tb\\n",
        request_id="req",
    )
    served_append(made)

    assert drain().entries == {"written": 1}
    written = served_lists().get()
    assert (written.pk, written.user, written.served_at) == (made.id, user, made.served_at)
    assert (written.movie_ids, written.sources, written.explored) == ([5, 4, 6], [0, 1, 3], [6])
    assert written.scores == pytest.approx([1, 1 / 2, 1 / 3])
    assert (written.client_id, written.model_version_id, written.experiment) == (9, 7, "e")
    assert (written.arm, written.request_id) == ("a\tb\\n", "req")
    assert stream_state().length == 0


def test_a_page_is_written_with_its_place_and_time():
    made = a_list(make_user().pk)
    served_append(page_of(made, 2, 1))

    shown = impressions().get()
    assert (shown.recommendation_id, shown.start, shown.count, shown.request_id) == (made.id, 2, 1, "r")
    assert shown.user_id == made.user_id
    assert abs(shown.shown_at - timezone.now()) < timedelta(minutes=1)


def test_entries_that_are_read_twice_are_written_once(monkeypatch):
    made = a_list(make_user().pk)
    served_append(made, page_of(made))
    monkeypatch.setattr(writer, "CLAIM_SECONDS", 0)
    monkeypatch.setattr(writer, "_remove", lambda *args: time.sleep(0.01))
    writer.served_drain(seconds=0.05)
    assert stream_state().length == 2
    monkeypatch.undo()
    monkeypatch.setattr(writer, "CLAIM_SECONDS", 0)

    assert drain().entries == {"written": 2}
    assert served_lists().count() == 1
    assert impressions().count() == 2
    assert stream_state().length == 0


def test_entries_of_a_dead_writer_wait_until_they_are_idle(monkeypatch):
    made = a_list(make_user().pk)
    served_append(made)
    writer._make_group(redis_client())
    redis_client().xreadgroup(writer.GROUP, "dead", {stream_key(): ">"})

    assert drain().entries == {}
    monkeypatch.setattr(writer, "CLAIM_SECONDS", 0)
    assert drain().entries == {"written": 1}


def test_a_list_in_both_ways_is_written_once():
    made = a_list(make_user().pk)
    served_append(made)
    served_write(made)
    drain()

    assert ServedRecommendation.objects.count() == 1
    assert ListImpression.objects.count() == 1


def test_an_unreadable_entry_is_a_dead_letter():
    made = a_list(make_user().pk)
    for fields in ({"list": b"{"}, {"nothing": 1}, {"id": "x", "user": "", "start": 0, "count": 1, "request": ""}):
        redis_client().xadd(stream_key(), fields)
    served_append(made)

    assert drain().entries == {"dead": 3, "written": 1}
    assert redis_client().llen(dead_key()) == stream_state().dead == 3
    assert stream_state()._replace(dead=0) == (0, 0.0, 0, 0)
    assert served_lists().get().pk == made.id


def test_an_entry_that_the_database_refuses_stops_no_other():
    user = make_user()
    wrong = a_list(user.pk, endpoint="x" * 41)
    good = [a_list(user.pk) for _ in range(5)]
    served_append(good[0])
    served_append(wrong)
    for one in good[1:]:
        served_append(one)

    assert drain().entries == {"dead": 1, "written": 5}
    assert set(served_lists().values_list("pk", flat=True)) == {one.id for one in good}


def test_entries_stay_while_the_database_is_away(monkeypatch):
    served_append(a_list(make_user().pk))
    monkeypatch.setattr(writer, "CLAIM_SECONDS", 0)
    with monkeypatch.context() as away:

        def fail(contents):
            raise OperationalError

        away.setattr(writer, "served_write_block", fail)
        with pytest.raises(OperationalError):
            drain()
    assert stream_state().length == 1
    assert stream_state().dead == 0

    assert drain().entries == {"written": 1}


def test_lists_of_people_who_are_gone_are_dropped():
    gone, here = make_user(), make_user()
    for user in (gone, here):
        made = a_list(user.pk)
        served_append(made, page_of(made))
    user_delete(user_id=gone.pk)

    assert drain().entries == {"dropped": 2, "written": 2}
    assert [served.user for served in served_lists()] == [here]
    assert {shown.user for shown in impressions()} == {here}


def test_lists_from_before_a_reset_never_come_back():
    user = make_user()
    before = a_list(user.pk)
    served_append(before)
    taste_reset(user=user)
    # Shown by a request that began before the reset.
    served_append(page_of(before))
    after = a_list(user.pk, id=list_id_at(timezone.now() + timedelta(seconds=1)))
    served_append(after)

    assert drain().entries == {"dropped": 2, "written": 1}
    assert [served.pk for served in served_lists()] == [after.id]
    assert {shown.recommendation_id for shown in impressions()} == {after.id}


def test_lists_of_months_that_are_over_are_dropped(settings):
    settings.SERVED_LOG_MONTHS = 2
    user = make_user()
    served_append(a_list(user.pk, id=list_id_at(timezone.now() - timedelta(days=125))))
    served_append(a_list(user.pk, id=list_id_at(timezone.now() + timedelta(days=2))))

    assert drain().entries == {"dropped": 2}
    assert not served_lists().exists()


def test_what_a_full_stream_loses_is_counted(settings):
    settings.SERVED_STREAM_MAX = 100
    user = make_user()
    for _ in range(10):
        served_append(*[page_of(a_list(user.pk)) for _ in range(100)])
    state = stream_state()
    assert 100 <= state.length < 1000
    assert state.trimmed == 1000 - state.length

    assert drain().entries == {"written": state.length}
    assert stream_state() == (0, 0.0, state.trimmed, 0)


def test_a_person_who_is_unknown_gets_nothing_written():
    served_append(Shown(recommendation_id=uuid.uuid4(), user_id=10**12, start=0, count=1))

    assert drain().entries == {"dropped": 1}

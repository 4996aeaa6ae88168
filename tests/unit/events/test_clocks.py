"""Clocks that are ahead: what they say of the future never counts as newer than what a person does next."""

import uuid
from datetime import UTC, datetime, timedelta
from importlib import import_module

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, connection
from django.utils import timezone

from events import selectors
from events.imports.services import movielens_import
from events.models import Interaction, Rating, Tag
from events.services import interaction_record
from movies.movielens.errors import BadLineError
from tests.archives import CSV, DAT_1M, write_folder
from tests.factories import client_of

URL = "/api/events/"
AHEAD = timedelta(minutes=4)
FAR = datetime(2096, 1, 1, tzinfo=UTC)


def post(user, movie, kind="rating", value=None, at=None, **body):
    body |= {"movie": movie.pk, "kind": kind, "value": value}
    if at is not None:
        body["occurred_at"] = at.isoformat()
    return client_of(user).post(URL, body, format="json")


def test_a_clock_ahead_does_not_silence_the_next_rating(cast):
    before = timezone.now()
    first = post(cast.bob, cast["Heat"], value=5, at=before + AHEAD)
    second = post(cast.bob, cast["Heat"], value=1)

    assert [first.status_code, second.status_code] == [201, 201]
    rating = Rating.objects.get()
    assert rating.value == 1
    assert before <= rating.rated_at <= timezone.now()
    events = Interaction.objects.order_by("id")
    assert [event.value for event in events] == [5, 1]
    assert events[0].occurred_at == events[0].received_at
    assert all(before <= event.occurred_at <= timezone.now() for event in events)


def test_of_two_ratings_of_a_clock_ahead_the_later_received_wins(cast):
    ahead = timezone.now() + AHEAD
    post(cast.bob, cast["Heat"], value=5, at=ahead + timedelta(seconds=0.9))
    post(cast.bob, cast["Heat"], value=2, at=ahead)

    assert Rating.objects.get().value == 2
    assert [event["value"] for event in client_of(cast.bob).get(URL).json()["items"]] == [2, 5]


@pytest.mark.parametrize(("first", "second"), [("like", "dislike"), ("dislike", "like")])
def test_of_two_ratings_of_one_second_the_later_received_counts(cast, first, second):
    second_of = timezone.now().replace(microsecond=0)
    for kind in (first, second):
        assert post(cast.bob, cast["Heat"], kind=kind, at=second_of).status_code == 201

    assert [signal.kind for signal in selectors.history(cast.bob.pk, 10)[0]] == [second]
    both = selectors.histories([cast.bob.pk, cast.carol.pk], 10)
    assert [signal.kind for signal in both[cast.bob.pk][0]] == [second]


def test_an_event_of_a_clock_ahead_sent_again_is_stored_once(cast):
    event_id, ahead = str(uuid.uuid4()), timezone.now() + AHEAD
    answers = [post(cast.bob, cast["Heat"], value=5, at=ahead, event_id=event_id) for _ in range(2)]
    other = post(cast.bob, cast["Heat"], value=5, at=ahead - timedelta(hours=1), event_id=event_id)

    assert [answer.status_code for answer in (*answers, other)] == [201, 200, 409]
    assert answers[0].json() == answers[1].json()
    assert Interaction.objects.count() == Rating.objects.count() == 1


def test_a_clock_far_ahead_is_an_error_that_names_the_field(cast):
    answer = post(cast.bob, cast["Heat"], value=5, at=FAR)

    assert answer.status_code == 400
    assert list(answer.json()["error"]["fields"]) == ["occurred_at"]
    assert not Interaction.objects.exists()
    assert not Rating.objects.exists()


def test_a_stored_rating_of_the_future_does_not_win_for_ever(cast, tmp_path):
    Rating.objects.create(user=cast.bob, movie=cast["Heat"], value=5, rated_at=FAR)
    interaction_record(user=cast.bob, movie_id=cast["Heat"].pk, kind="rating", value=1)
    movielens_import(path=write_folder(tmp_path, "ml-1m", DAT_1M))
    imported = Rating.objects.get(user__dataset_user_id=1, movie__movielens_id=1)
    Rating.objects.filter(pk=imported.pk).update(value=1, rated_at=FAR)
    movielens_import(path=write_folder(tmp_path, "ml-1m", DAT_1M))

    assert Rating.objects.get(user=cast.bob).value == 1
    imported.refresh_from_db()
    assert (imported.value, imported.rated_at) == (5, datetime.fromtimestamp(978300760, UTC))


@pytest.mark.parametrize(
    ("file", "line"),
    [("ratings.csv", "3,1,5.0,{}"), ("tags.csv", "3,1,late,{}"), ("ratings.dat", "3::1::5::{}")],
)
@pytest.mark.parametrize("seconds", [3600, 60 * 365 * 86_400])
def test_an_archive_line_of_the_future_is_refused(db, tmp_path, file, line, seconds):
    layout = CSV if file in CSV else DAT_1M
    line = line.format(int(timezone.now().timestamp()) + seconds)
    path = write_folder(tmp_path, "ml", {**layout, file: layout[file] + line.encode() + b"\n"})

    with pytest.raises(BadLineError, match=f"{file}, line [0-9]+: the timestamp is in the future"):
        movielens_import(path=path)
    assert not Rating.objects.exists()

    summary = movielens_import(path=path, skip_bad=True)
    assert summary.bad_lines == {"the timestamp is in the future": 1}
    assert not Rating.objects.filter(rated_at__gt=timezone.now()).exists()
    assert not Tag.objects.filter(tagged_at__gt=timezone.now()).exists()
    assert summary.ratings_new == Rating.objects.count() > 0


@pytest.mark.parametrize(("ahead", "status"), [(AHEAD, 302), (timedelta(days=365), 200)])
def test_staff_cannot_date_a_rating_into_the_future(cast, client, ahead, status):
    client.force_login(cast.stan)
    when = timezone.now() + ahead
    form = {"user": cast.bob.pk, "movie": cast["Heat"].pk, "value": 4.5}
    form |= {"rated_at_0": when.strftime("%Y-%m-%d"), "rated_at_1": when.strftime("%H:%M:%S")}

    assert client.post("/admin/events/rating/add/", form).status_code == status
    assert Rating.objects.count() == (status == 302)
    assert not Rating.objects.filter(rated_at__gt=timezone.now()).exists()


def test_the_database_refuses_an_event_of_the_future(cast):
    event = Interaction(user=cast.bob, movie=cast["Heat"], kind="like", occurred_at=FAR)
    with pytest.raises(IntegrityError, match="interaction_occurred_by_receipt"):
        event.save()


def test_the_migration_gives_back_what_a_clock_ahead_silenced(cast):
    migration = import_module("events.migrations.0005_times_of_the_future")
    now = timezone.now()
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE events_interaction DROP CONSTRAINT interaction_occurred_by_receipt")
    for value, received, ahead in [
        (5, now - timedelta(minutes=3), AHEAD),
        (1, now - timedelta(minutes=2), -AHEAD / 40),
    ]:
        Interaction.objects.create(
            user=cast.bob, movie=cast["Heat"], kind="rating", value=value,
            occurred_at=received + ahead, received_at=received,
        )  # fmt: skip
    like = Interaction.objects.create(
        user=cast.bob, movie=cast["Babe"], kind="like", occurred_at=now + AHEAD, received_at=now
    )
    Rating.objects.create(user=cast.bob, movie=cast["Heat"], value=5, rated_at=now - timedelta(minutes=3) + AHEAD)
    Rating.objects.create(user=cast.carol, movie=cast["Heat"], value=5, rated_at=FAR)
    honest = Rating.objects.create(user=cast.carol, movie=cast["Babe"], value=2, rated_at=now - timedelta(days=9))

    with connection.cursor() as cursor:
        cursor.execute(migration._CORRECT)

    silenced = Rating.objects.get(user=cast.bob)
    assert (silenced.value, silenced.rated_at) == (1, now - timedelta(minutes=2) - AHEAD / 40)
    assert Rating.objects.get(user=cast.carol, movie=cast["Heat"]).rated_at <= timezone.now()
    untouched = Rating.objects.get(pk=honest.pk)
    assert (untouched.value, untouched.rated_at) == (2, now - timedelta(days=9))
    like.refresh_from_db()
    assert like.occurred_at == like.received_at


def test_a_service_call_far_ahead_is_refused(cast):
    with pytest.raises(ValidationError, match="occurred_at"):
        interaction_record(user=cast.bob, movie_id=cast["Heat"].pk, kind="like", occurred_at=FAR)
    assert not Interaction.objects.exists()

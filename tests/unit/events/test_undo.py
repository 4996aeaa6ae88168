"""Undo: takes back what a person did, and only that."""

import uuid
from datetime import timedelta

import pytest
from django.utils import timezone

from events.models import Interaction, Rating
from events.new_events import BEFORE, NewEvent
from events.recording import interactions_record
from events.selectors import history, seen_movie_ids
from events.services import interaction_record
from events.taking_back import NoSuchEventError, event_take_back
from movies.models import Movie
from tests.tokens import user_token

DAY = timedelta(days=1)
HOUR = timedelta(hours=1)


def record(cast, kind="like", title="Heat", days_ago=0.0, **fields) -> Interaction:
    person = fields.pop("user", cast.bob)
    at = timezone.now() - days_ago * DAY
    return interaction_record(user=person, movie_id=cast[title].pk, kind=kind, occurred_at=at, **fields)[0]


def standing() -> set[tuple[str, str]]:
    found = Interaction.objects.filter(undone_at=None)
    return set(found.values_list("kind", "movie__title"))


def rating(cast) -> float | None:
    return Rating.objects.filter(user=cast.bob, movie=cast["Heat"]).values_list("value", flat=True).first()


def test_an_undo_takes_back_its_kind_and_movie_alone(cast):
    record(cast, days_ago=2)
    record(cast, days_ago=1)
    record(cast, "watch", days_ago=1)
    record(cast, title="Casino", days_ago=1)
    record(cast, user=cast.carol, days_ago=1)

    undo = record(cast, undo=True)

    assert Interaction.objects.get(pk=undo.pk).undone_at is not None
    assert standing() == {("watch", "Heat"), ("like", "Casino"), ("like", "Heat")}
    assert Interaction.objects.get(undone_at=None, kind="like", movie=cast["Heat"]).user == cast.carol
    assert seen_movie_ids(cast.bob.pk) == {cast["Heat"].pk, cast["Casino"].pk}


def test_an_undo_takes_back_parts_of_a_watch_too(cast):
    record(cast, "watch", progress=0.4, days_ago=1)
    record(cast, "watch", undo=True)

    assert standing() == set()


def test_what_comes_after_an_undo_counts(cast):
    record(cast, days_ago=2)
    record(cast, undo=True, days_ago=1)
    record(cast)

    assert [signal.kind for signal in history(cast.bob.pk, 5)[0]] == ["like"]


def test_in_a_batch_at_one_time_the_order_decides(cast):
    def like(title: str, *, undo: bool = False) -> NewEvent:
        return NewEvent(user_id=cast.bob.pk, movie_id=cast[title].pk, kind="like", undo=undo)

    results = interactions_record(
        [like("Heat"), like("Heat", undo=True), like("Heat"), like("Casino"), like("Casino", undo=True)]
    )

    assert standing() == {("like", "Heat")}
    assert [result.event.undone_at is None for result in results] == [False, False, True, False, False]


def test_an_event_older_than_its_undo_comes_late(cast):
    record(cast, undo=True, days_ago=1)
    late = record(cast, days_ago=2)
    part = record(cast, "watch", progress=0.2, days_ago=2)

    assert late.undone_at is not None
    assert Interaction.objects.get(pk=part.pk).undone_at is None
    assert standing() == {("partial", "Heat")}


def test_a_late_rating_that_was_taken_back_is_no_rating(cast):
    record(cast, "rating", undo=True, days_ago=1)
    record(cast, "rating", value=4.0, days_ago=2)

    assert rating(cast) is None


def test_an_undo_deletes_the_rating(cast):
    record(cast, "rating", value=2.0, days_ago=2)
    record(cast, "rating", value=4.0, days_ago=1)
    record(cast, "rating", undo=True)

    assert rating(cast) is None
    assert standing() == set()


def test_an_undo_brings_back_a_rating_without_an_event(cast):
    imported = timezone.now() - 100 * DAY
    Rating.objects.create(user=cast.bob, movie=cast["Heat"], value=3.0, rated_at=imported)
    record(cast, "rating", value=5.0, days_ago=2)
    record(cast, "rating", value=1.0, days_ago=1)
    assert Interaction.objects.filter(source=BEFORE).count() == 1

    record(cast, "rating", undo=True)

    assert rating(cast) == 3.0
    assert Rating.objects.get().rated_at == imported


def test_a_second_undo_takes_back_the_rating_from_before(cast):
    Rating.objects.create(user=cast.bob, movie=cast["Heat"], value=3.0, rated_at=timezone.now() - DAY)
    record(cast, "rating", value=5.0, days_ago=0.5)
    record(cast, "rating", undo=True, days_ago=0.2)
    record(cast, "rating", undo=True)

    assert rating(cast) is None


def test_an_undo_takes_back_an_imported_rating(cast):
    Rating.objects.create(user=cast.bob, movie=cast["Heat"], value=3.0, rated_at=timezone.now() - DAY)
    record(cast, "rating", undo=True)

    assert rating(cast) is None
    assert Interaction.objects.get(source=BEFORE).undone_at is not None


def test_an_older_rating_keeps_nothing_from_before(cast):
    Rating.objects.create(user=cast.bob, movie=cast["Heat"], value=3.0, rated_at=timezone.now() - DAY)
    record(cast, "rating", value=5.0, days_ago=3)

    assert rating(cast) == 3.0
    assert not Interaction.objects.filter(source=BEFORE).exists()


def test_an_undo_works_for_a_movie_no_longer_published(cast):
    record(cast, days_ago=1)
    Movie.objects.update(status=Movie.Status.HIDDEN)
    record(cast, undo=True)

    assert standing() == set()


def test_taking_back_one_event_leaves_the_others(cast):
    record(cast, "rating", value=2.0, days_ago=3)
    newest = record(cast, "rating", value=4.0, days_ago=1)
    liked = record(cast, days_ago=1)

    event_take_back(user=cast.bob, event_id=newest.event_id)
    event_take_back(user=cast.bob, event_id=newest.event_id)

    assert rating(cast) == 2.0
    assert standing() == {("rating", "Heat"), ("like", "Heat")}
    event_take_back(user=cast.bob, event_id=liked.event_id)
    assert standing() == {("rating", "Heat")}


def test_taking_back_an_older_rating_keeps_the_newest(cast):
    older = record(cast, "rating", value=2.0, days_ago=3)
    record(cast, "rating", value=4.0, days_ago=1)

    event_take_back(user=cast.bob, event_id=older.event_id)

    assert rating(cast) == 4.0


def test_only_ones_own_event_can_be_taken_back(cast):
    event = record(cast)

    for person, event_id in ((cast.carol, event.event_id), (cast.bob, uuid.uuid4())):
        with pytest.raises(NoSuchEventError):
            event_take_back(user=person, event_id=event_id)
    assert standing() == {("like", "Heat")}


def test_taking_an_event_back_invalidates_the_list(cast, django_capture_on_commit_callbacks):
    event = record(cast)
    before = user_token(cast.bob.pk)

    with django_capture_on_commit_callbacks(execute=True):
        event_take_back(user=cast.bob, event_id=event.event_id)

    assert user_token(cast.bob.pk) != before

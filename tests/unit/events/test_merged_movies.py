"""Events of a movie that was merged count for the movie it was merged into."""

import threading
import uuid

import pytest
from django.db import connection, transaction

from events.ingest import events_ingest
from events.models import Interaction, Rating
from events.new_events import NewEvent, Outcome
from events.recording import interactions_record
from events.services import interaction_record, movie_unhide
from movies.models import Movie
from tests.factories import make_movie, make_user
from tests.unit.movies.merging.rows import merge


@pytest.fixture
def twins(cast):
    """A duplicate of Heat that is not merged yet, and Heat."""
    return make_movie("Heat (US)", 1990), cast["Heat"]


def test_an_event_of_the_duplicate_counts_for_the_target(cast, twins):
    double, heat = twins
    merge(double, heat)
    event, created = interaction_record(user=cast.alice, movie_id=double.pk, kind="rating", value=4.0)

    assert created
    assert event.movie_id == heat.pk
    assert Interaction.objects.get().movie_id == heat.pk
    assert Rating.objects.get().movie_id == heat.pk


def test_an_undo_of_the_duplicate_takes_back_the_event(cast, twins):
    double, heat = twins
    interaction_record(user=cast.alice, movie_id=double.pk, kind="like")
    merge(double, heat)
    interaction_record(user=cast.alice, movie_id=double.pk, kind="like", undo=True)

    assert not Interaction.objects.filter(undone_at=None).exists()


def test_an_event_sent_again_after_the_merge_is_stored_once(cast, twins):
    double, heat = twins
    sent = NewEvent(user_id=cast.alice.pk, movie_id=double.pk, kind="view", event_id=uuid.uuid4())
    (first,) = interactions_record([sent])
    merge(double, heat)
    (second,) = interactions_record([sent])

    assert (first.outcome, second.outcome) == (Outcome.CREATED, Outcome.REPEATED)
    assert Interaction.objects.count() == 1


def test_another_movie_under_a_stored_id_is_still_a_conflict(cast, twins):
    double, heat = twins
    event_id = uuid.uuid4()
    merge(double, heat)
    interactions_record([NewEvent(user_id=cast.alice.pk, movie_id=heat.pk, kind="view", event_id=event_id)])
    other = NewEvent(user_id=cast.alice.pk, movie_id=cast["Alien"].pk, kind="view", event_id=event_id)

    assert interactions_record([other])[0].outcome is Outcome.CONFLICT


def test_an_event_of_a_duplicate_of_a_hidden_movie_is_refused(cast, twins):
    double, heat = twins
    merge(double, heat)
    Movie.objects.filter(pk=heat.pk).update(status="hidden")
    (result,) = interactions_record([NewEvent(user_id=cast.alice.pk, movie_id=double.pk, kind="view")])

    assert result.outcome is Outcome.INVALID
    assert not Interaction.objects.exists()


def test_the_duplicates_id_unhides_the_target(cast, twins):
    double, heat = twins
    interaction_record(user=cast.alice, movie_id=heat.pk, kind="hide")
    merge(double, heat)
    movie_unhide(user=cast.alice, movie_id=double.pk)

    assert not Interaction.objects.filter(undone_at=None).exists()


@pytest.mark.django_db(transaction=True)
def test_an_event_that_waits_for_a_merge_counts_for_the_target():
    heat, double, person = make_movie("Heat"), make_movie("Heat (US)"), make_user()
    event = NewEvent(user_id=person.pk, movie_id=double.pk, kind="like")
    results = []

    def send() -> None:
        results.extend(events_ingest(events=[event], users={person.pk: person}))
        connection.close()

    thread = threading.Thread(target=send)
    with transaction.atomic():
        merge(double, heat)
        thread.start()
        _wait_for_a_lock()
    thread.join(10)

    assert [result.outcome for result in results] == [Outcome.CREATED]
    assert Interaction.objects.get().movie_id == heat.pk


def _wait_for_a_lock() -> None:
    """Until another session waits for a row of this transaction."""
    with connection.cursor() as cursor:
        for _ in range(500):
            cursor.execute("SELECT pg_sleep(0.01), count(*) FROM pg_locks WHERE NOT granted")
            if cursor.fetchone()[1]:
                return
    raise AssertionError("Nobody waits.")

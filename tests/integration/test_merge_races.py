"""Events come in while their movie is merged, parted and deleted: none is lost, and none stays with the wrong movie."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.core.exceptions import ValidationError
from django.db import connection

from accounts.models import User
from events.models import Interaction, Rating
from events.new_events import NewEvent, Outcome
from events.recording import interactions_record
from movies.deletion.services import movie_delete
from movies.merging.services import merge_request, merge_undo_request
from movies.models import Movie
from tests.factories import make_movie, make_user

pytestmark = pytest.mark.django_db(transaction=True)
THREADS = 3


def while_sending(people: list[User], movies: list[Movie], work: Callable[[], object]) -> list[Outcome]:
    """Does the work while each person sends events of all the movies; what became of the events."""
    started, stop = threading.Barrier(len(people) + 1), threading.Event()

    def send(person: User) -> list[Outcome]:
        found: list[Outcome] = []
        try:
            for number in range(10_000):
                batch = [
                    NewEvent(user_id=person.pk, movie_id=movie.pk, kind="rating", value=0.5 + number % 10 / 2)
                    for movie in movies
                ]
                found += [result.outcome for result in interactions_record(batch)]
                if number == 0:
                    started.wait(20)
                if stop.is_set():
                    return found
            return found
        finally:
            connection.close()

    with ThreadPoolExecutor(THREADS) as pool:
        sent = [pool.submit(send, person) for person in people]
        started.wait(20)
        try:
            work()
        finally:
            stop.set()
        return [outcome for one in sent for outcome in one.result()]


def test_no_event_is_lost_while_movies_are_merged():
    people = [make_user() for _ in range(THREADS)]
    double, heat = make_movie("Heat (US)"), make_movie("Heat")

    outcomes = while_sending(
        people,
        [double, heat],
        lambda: merge_request(duplicate_id=double.pk, target_id=heat.pk, reason="The same film."),
    )

    assert set(outcomes) == {Outcome.CREATED}
    assert Interaction.objects.filter(movie=heat).count() == len(outcomes)
    assert not Interaction.objects.filter(movie=double).exists()
    assert sorted(Rating.objects.values_list("user_id", "movie_id")) == sorted((one.pk, heat.pk) for one in people)


def test_no_event_is_lost_while_a_merge_is_undone():
    people = [make_user() for _ in range(THREADS)]
    double, heat = make_movie("Heat (US)"), make_movie("Heat")
    for person in people:
        Rating.objects.create(user=person, movie=double, value=1.0)
    merge = merge_request(duplicate_id=double.pk, target_id=heat.pk, reason="The same film.")

    outcomes = while_sending(people, [double, heat], lambda: merge_undo_request(merge_id=merge.pk))

    assert set(outcomes) == {Outcome.CREATED}
    assert Interaction.objects.exclude(source="before").count() == len(outcomes)
    assert Rating.objects.filter(movie=double).count() == THREADS
    assert Movie.objects.get(pk=double.pk).status == "published"


def test_a_movie_is_deleted_while_events_come_in():
    people = [make_user() for _ in range(THREADS)]
    heat = make_movie("Heat")

    outcomes = while_sending(people, [heat], lambda: movie_delete(movie_id=heat.pk))

    assert set(outcomes) <= {Outcome.CREATED, Outcome.INVALID}
    assert not Movie.objects.exists()
    assert not Interaction.objects.exists()
    assert not Rating.objects.exists()


def test_two_merges_at_once_take_turns():
    first, second, heat = make_movie("One"), make_movie("Two"), make_movie("Heat")
    start = threading.Barrier(2)

    def merge(movie: Movie) -> str:
        try:
            start.wait(20)
            return merge_request(duplicate_id=movie.pk, target_id=heat.pk, reason="The same film.").state
        except ValidationError as error:
            return error.messages[0]
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as pool:
        found = list(pool.map(merge, [first, second]))

    assert "done" in found
    merged = Movie.objects.filter(status="merged", merged_into=heat).count()
    assert merged == found.count("done")
    assert merged == 2 or any("is running" in one for one in found)

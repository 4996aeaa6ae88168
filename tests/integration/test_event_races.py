"""Requests at once, each on its own connection to PostgreSQL."""

import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

from django.db import connection

from events.models import Interaction, Rating
from events.new_events import NewEvent, Outcome
from events.recording import interactions_record
from tests.factories import client_of, make_user

THREADS = 6


def at_once(call: Callable[[int], int]) -> list[int]:
    """What ``call`` returns for 0, 1, …, started together in a thread each."""
    barrier = Barrier(THREADS)

    def run(number: int) -> int:
        try:
            barrier.wait()
            return call(number)
        finally:
            connection.close()

    with ThreadPoolExecutor(THREADS) as pool:
        return list(pool.map(run, range(THREADS)))


def test_one_event_sent_by_many_requests_at_once_is_stored_once(committed_cast):
    cast, event_id = committed_cast, str(uuid.uuid4())
    clients = [client_of(cast.bob) for _ in range(THREADS)]
    body = {"movie": cast["Heat"].pk, "kind": "rating", "value": 4, "event_id": event_id}

    answers = at_once(lambda number: clients[number].post("/api/events/", body, format="json").status_code)

    assert sorted(answers) == [200] * (THREADS - 1) + [201]
    assert Interaction.objects.count() == Rating.objects.count() == 1


def test_of_concurrent_ratings_of_a_movie_the_newest_is_stored(committed_cast):
    cast = committed_cast
    clients = [client_of(cast.bob) for _ in range(THREADS)]

    def rate(number: int) -> int:
        body = {
            "movie": cast["Heat"].pk,
            "kind": "rating",
            "value": 1 + number / 2,
            "occurred_at": f"2024-01-0{number + 1}T00:00:00Z",
        }
        return clients[number].post("/api/events/", body, format="json").status_code

    assert at_once(rate) == [201] * THREADS
    assert Interaction.objects.count() == THREADS
    assert Rating.objects.get().value == 1 + (THREADS - 1) / 2


def test_batches_in_opposite_orders_neither_deadlock_nor_repeat(committed_cast):
    cast = committed_cast
    people = [make_user() for _ in range(4)]
    movies = [cast[title].pk for title in ("Heat", "Casino", "Babe")]
    events = [
        NewEvent(user_id=person.pk, movie_id=movie, kind="rating", value=value, event_id=uuid.uuid4())
        for person in people
        for movie in movies
        for value in (2.0, 4.0)
    ]

    def record(number: int) -> int:
        results = interactions_record(events if number % 2 else events[::-1])
        return sum(result.outcome is Outcome.CREATED for result in results)

    assert sum(at_once(record)) == len(events)
    assert Interaction.objects.count() == len(events)
    assert Rating.objects.count() == len(people) * len(movies)


def test_an_undo_at_the_same_time_leaves_one_of_two_results(committed_cast):
    cast = committed_cast
    clients = [client_of(cast.bob) for _ in range(THREADS)]

    def act(number: int) -> int:
        body = {"movie": cast["Heat"].pk, "kind": "rating"}
        body |= {"undo": True} if number % 2 else {"value": 4}
        return clients[number].post("/api/events/", body, format="json").status_code

    assert at_once(act) == [201] * THREADS
    standing = Interaction.objects.filter(undone_at=None).exists()
    assert Rating.objects.exists() == standing

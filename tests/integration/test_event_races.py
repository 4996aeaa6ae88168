"""Requests at once, each on its own connection to PostgreSQL."""

import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

from django.db import connection

from events.models import Interaction, Rating
from tests.factories import client_of

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

"""Two of the staff delete one movie at the same time."""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.contrib.admin.models import LogEntry
from django.db import connection, transaction
from django.test import Client

from accounts.models import User
from movies.models import Movie, MovieDeletion
from tests.factories import make_movie, make_user

pytestmark = pytest.mark.django_db(transaction=True)
_WAITING = "SELECT count(DISTINCT pid) FROM pg_locks WHERE NOT granted"


def await_waiting(number: int) -> None:
    """Waits until this many statements wait for a lock."""
    deadline = time.monotonic() + 20
    with connection.cursor() as cursor:
        while cursor.execute(_WAITING).fetchone()[0] < number:
            assert time.monotonic() < deadline
            time.sleep(0.02)


def delete(staff: User, address: str) -> str:
    """What the page says after the deletion."""
    try:
        client = Client()
        client.force_login(staff)
        answer = client.post(address, {"delete": "1"}, follow=True)
        assert answer.status_code == 200
        # Not from the context, which holds what other threads render, too.
        page = answer.content.decode()
        return next((text for text in ("is deleted already.", "Deleted.") if text in page), page)
    finally:
        connection.close()


def test_of_two_deletions_at_once_the_second_says_so():
    heat, ran = make_movie("Heat"), make_movie("Ran")
    people = [make_user(f"{name}@of.races.org", is_staff=True, is_superuser=True) for name in ("ada", "bob")]
    page = f"/admin/movies/movie/{heat.pk}/delete/"

    with ThreadPoolExecutor(2) as pool:
        with transaction.atomic():
            Movie.objects.select_for_update().get(pk=heat.pk)
            sent = [pool.submit(delete, person, page) for person in people]
            await_waiting(2)
        said = sorted(one.result() for one in sent)

    assert said == ["Deleted.", "is deleted already."]
    assert not Movie.objects.filter(pk=heat.pk).exists()
    assert Movie.objects.filter(pk=ran.pk).exists()
    assert MovieDeletion.objects.filter(movie_id=heat.pk).count() == 1
    assert LogEntry.objects.filter(object_id=str(heat.pk), content_type__model="movie").count() == 1

"""The log of served lists survives a killed Redis and a killed writer: nothing is lost, nothing is there twice."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from django.conf import settings
from django.db import connection, transaction

from events.models import ListImpression, ServedRecommendation
from events.served import writer
from events.served.entries import Shown
from events.served.log import served_append
from events.served.selectors import stream_state
from tests.factories import make_user
from tests.functional.cinema import Cinema
from tests.functional.store import Store
from tests.functional.web_server import running_database_url
from tests.served import a_list, drain

pytestmark = pytest.mark.django_db(transaction=True)
LISTS, PAGES = 400, 10
# Writes blocks of ten entries; each takes long enough for the test to kill it in the middle of one.
WRITER = """
import time, django
django.setup()
from events.served import writer
writer.BLOCK_SIZE = 10
remove, insert = writer._remove, writer._insert
def slow_insert(*args, **kwargs):
    insert(*args, **kwargs)
    time.sleep(0.005)
def slow_remove(*args):
    time.sleep(0.005)
    remove(*args)
writer._insert, writer._remove = slow_insert, slow_remove
print("started", flush=True)
writer.served_drain()
"""


@pytest.fixture
def store(tmp_path: Path, settings) -> Iterator[Store]:
    """A Redis of the test's own, as this process's cache; it forces nothing to the disk at once, as the demo's."""
    started = Store(tmp_path)
    started.client().config_set("appendfsync", "everysec")
    settings.CACHES = settings.CACHES | {"default": settings.CACHES["default"] | {"LOCATION": started.url}}
    yield started
    started.kill()


def fill(cinema: Cinema) -> tuple[set, int]:
    """Lists and pages that wait in the stream: the ids of the lists, and how many pages."""
    user, ids = make_user(), set()
    for _ in range(LISTS):
        served = a_list(user.pk, range(1, 101))
        pages = [Shown(recommendation_id=served.id, user_id=user.pk, start=n, count=1) for n in range(1, PAGES)]
        served_append(served, *pages)
        ids.add(served.id)
    return ids, LISTS * PAGES


def written(ids: set) -> tuple[int, int]:
    """How many rows there are of these lists, and of their pages."""
    lists = ServedRecommendation.objects.filter(pk__in=ids).count()
    return lists, ListImpression.objects.filter(recommendation_id__in=ids).count()


def test_a_killed_redis_loses_no_entry(cinema: Cinema, store: Store):
    ids, pages = fill(cinema)
    store.kill()
    assert written(ids) == (0, 0)
    store.start()

    assert stream_state().length == pages
    assert stream_state().trimmed == 0
    drain()
    assert written(ids) == (LISTS, pages)


def test_a_killed_redis_keeps_what_was_written_of_it(cinema: Cinema, store: Store):
    """The writer has taken entries and not removed them when Redis ends: they come back and are written once."""
    ids, pages = fill(cinema)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(writer, "_remove", lambda *args: store.kill())
        drain()
    store.start()
    assert stream_state().length == pages
    assert written(ids) != (0, 0)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(writer, "CLAIM_SECONDS", 0)
        drain()

    assert written(ids) == (LISTS, pages)
    assert stream_state().length == 0


def test_entries_of_killed_writers_are_written_once(cinema: Cinema, store: Store):
    ids, pages = fill(cinema)
    environment = os.environ | {
        "DJANGO_SETTINGS_MODULE": "recsys_project.settings.local",
        "DATABASE_URL": running_database_url(),
        "REDIS_URL": store.url,
        "RECSYS_VAR": str(store.folder),
    }
    for seconds in (0.05, 0.08, 0.11, 0.14, 0.17):
        command = [sys.executable, "-c", WRITER]
        started = subprocess.Popen(command, cwd=settings.BASE_DIR, env=environment, stdout=subprocess.PIPE)
        assert started.stdout is not None
        assert started.stdout.readline() == b"started\n"
        time.sleep(seconds)
        started.send_signal(signal.SIGKILL)
        assert started.wait(timeout=30) == -signal.SIGKILL
        started.stdout.close()
    assert 0 < stream_state().length < pages
    # Two at once finish what is left.
    with pytest.MonkeyPatch.context() as patch, ThreadPoolExecutor(2) as pool:
        patch.setattr(writer, "CLAIM_SECONDS", 0)

        def finish() -> None:
            drain()
            connection.close()

        for coming in [pool.submit(finish) for _ in range(2)]:
            coming.result()

    assert written(ids) == (LISTS, pages)
    assert stream_state()[:1] == (0,)


def test_lists_are_logged_while_redis_is_away(cinema: Cinema, store: Store):
    with transaction.atomic():
        user = make_user()
    store.kill()
    served = a_list(user.pk)
    served_append(served)

    assert written({served.id}) == (1, 1)
    store.start()
    drain()
    assert written({served.id}) == (1, 1)

"""Imports as processes: one at a time, and nothing left of one that was stopped."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from django.db import connection

from events.imports import deferred_indexes as rebuild
from events.imports import services
from events.imports.services import movielens_import
from events.models import Rating
from movies.db import advisory_locks as locks
from movies.imports.lock import IMPORT_LOCK
from movies.models import Movie
from tests.archives import DAT_1M, write_folder

pytestmark = pytest.mark.django_db(transaction=True)

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def other():
    """A connection to the tests' database that is not Django's."""
    opened = connection.copy()
    opened.set_autocommit(False)
    yield opened
    opened.close()


PROGRAM = """
import sys, django
from django.conf import settings
django.setup()
settings.DATABASES["default"]["NAME"] = sys.argv[1]
from django.core.management import call_command, CommandError
try:
    call_command("import_movielens", sys.argv[2])
except CommandError as error:
    print(error, flush=True)
    sys.exit(error.returncode)
"""


def execute(opened, statement, parameters=()):
    """Executes it; returns the first value of the first row, if it has rows."""
    with opened.cursor() as cursor:
        cursor.execute(statement, parameters)
        return cursor.fetchone()[0] if cursor.description else None


def start(path):
    """An import of ``path`` in a process of its own, into the tests' database."""
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM, connection.settings_dict["NAME"], str(path)],
        cwd=ROOT,
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "recsys_project.settings.test"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def wait_for(process, word):
    """Reads what the process says of its progress until ``word`` comes."""
    for line in process.stderr:
        if word in line:
            return
    raise AssertionError(f"The import ended without saying {word!r}.")


def test_a_second_import_says_that_it_waits_and_then_goes_on(tmp_path, other):
    path = write_folder(tmp_path, "ml-1m", DAT_1M)
    execute(other, "SELECT pg_advisory_xact_lock(%s, %s)", [locks._NAMESPACE, locks._key(IMPORT_LOCK)])
    process = start(path)
    wait_for(process, "waiting for another import")
    assert Movie.objects.count() == 0
    other.commit()
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    assert "3 new" in out
    assert Rating.objects.count() == 3


@pytest.mark.parametrize("kill", [signal.SIGINT, signal.SIGKILL])
def test_a_stopped_import_leaves_nothing_behind(tmp_path, other, kill):
    path = write_folder(tmp_path, "ml-1m", DAT_1M)
    # Nobody can write ratings, so that the import stands still after movies and people.
    execute(other, "LOCK TABLE events_rating IN SHARE MODE")
    process = start(path)
    wait_for(process, "ratings")
    waits = "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'events_rating'::regclass"
    deadline = time.monotonic() + 30
    while not execute(other, waits):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    process.send_signal(kill)
    out, _ = process.communicate(timeout=60)
    assert process.returncode in (130, -signal.SIGKILL)
    if kill == signal.SIGINT:
        assert "Interrupted. Nothing was changed." in out
    other.rollback()
    assert (Movie.objects.count(), Rating.objects.count()) == (0, 0)
    # And the next one is not held up.
    assert movielens_import(path=path).ratings_new == 3


def test_a_busy_table_is_filled_row_by_row_instead(tmp_path, other, monkeypatch):
    monkeypatch.setattr(services, "MIN_DEFERRED_RATINGS", 1)
    monkeypatch.setattr(rebuild, "_LOCK_WAIT", "50ms")
    monkeypatch.setattr(services, "deferred_indexes", lambda table: pytest.fail("The table is in use."))
    execute(other, "SELECT count(*) FROM events_rating")  # Its lock lasts until the transaction ends.
    assert movielens_import(path=write_folder(tmp_path, "ml-1m", DAT_1M)).ratings_new == 3
    other.rollback()

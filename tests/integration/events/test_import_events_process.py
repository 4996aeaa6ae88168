"""Imports of events as processes that are stopped in the middle, and run again."""

import os
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import call_command
from django.db import connection

from events.models import Interaction, Rating
from tests.factories import make_movie, make_user

pytestmark = pytest.mark.django_db(transaction=True)

ROOT = Path(__file__).resolve().parents[3]
ROWS = 3000
# Blocks of 50 lines, so that the import has many of them.
PROGRAM = """
import sys, time, django
from django.conf import settings
django.setup()
settings.DATABASES["default"]["NAME"] = sys.argv[1]
from django.core.management import call_command, CommandError
from events.imports import events_files
events_files.BLOCK_ROWS = 50
try:
    call_command("import_events", sys.argv[2])
except CommandError as error:
    print(error, flush=True)
    sys.exit(error.returncode)
"""


@pytest.fixture
def path(tmp_path):
    """Events of two people with ten movies, without ids; each line is another event."""
    people = [make_user(), make_user()]
    movies = [make_movie(movielens_id=number) for number in range(1, 11)]
    lines = ["email,movielens_id,kind,value,occurred_at"]
    for number in range(ROWS):
        kind = "rating,4" if number % 2 else "view,"
        person, movie = people[number % 2].email, movies[number % 10].movielens_id
        lines.append(f"{person},{movie},{kind},{1_600_000_000 + number}")
    path = tmp_path / "events.csv"
    path.write_text("\n".join(lines))
    return path


def start(path):
    """An import of ``path`` in a process of its own, into the tests' database, that has stored some of it."""
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, connection.settings_dict["NAME"], str(path)],
        cwd=ROOT,
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "recsys_project.settings.test"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    ends = time.monotonic() + 60
    while not Interaction.objects.exists():
        assert process.poll() is None, process.stderr.read()
        assert time.monotonic() < ends
        time.sleep(0.01)
    return process


def assert_each_line_is_stored_once():
    seconds = Counter(int(moment.timestamp()) for moment in Interaction.objects.values_list("occurred_at", flat=True))
    assert seconds == Counter(range(1_600_000_000, 1_600_000_000 + ROWS))
    assert Rating.objects.count() == 5


def test_an_import_that_was_killed_goes_on_when_run_again(path):
    process = start(path)
    process.kill()
    process.communicate(timeout=30)
    stored = Interaction.objects.count()
    assert 0 < stored < ROWS
    assert stored % 50 == 0

    out = StringIO()
    call_command("import_events", str(path), stdout=out, verbosity=0)

    assert f"{stored:>12,} known" in out.getvalue()
    assert_each_line_is_stored_once()


def test_an_interrupted_import_says_what_it_stored(path):
    process = start(path)
    process.send_signal(signal.SIGINT)
    said, _ = process.communicate(timeout=30)
    stored = Interaction.objects.count()
    assert process.returncode == 130
    # The signal may come between the commit of a block and its count.
    counted = int(re.search(r"Interrupted\. ([\d,]+) events are stored; run it again", said)[1].replace(",", ""))
    assert stored - 50 <= counted <= stored < ROWS

    call_command("import_events", str(path), stdout=StringIO(), verbosity=0)

    assert_each_line_is_stored_once()


def test_two_imports_at_once_store_each_event_once(path):
    processes = [start(path), start(path)]
    for process in processes:
        _, errors = process.communicate(timeout=120)
        assert process.returncode == 0, errors
    assert_each_line_is_stored_once()

"""Changes whose process was killed between the commit and Redis, and a database that went back to its backup."""

import os
import subprocess
import sys
import time
from datetime import timedelta

import pytest
from django.conf import settings
from django.db import transaction
from django.utils import timezone

from events.models import Interaction
from movies.models import Movie
from movies.services import movies_publish
from recommendations.models import ModelVersion
from recommendations.retrieval.database_state import CACHE_SECONDS
from tests.functional.cinema import Cinema, Client, at_once, second_version
from tests.functional.web_server import running_database_url
from workers.tasks.maintenance import announce_changes

pytestmark = pytest.mark.django_db(transaction=True)
READERS = 40
KILLED = 9
# What waits for the commit runs in the order in which it was registered: nothing after this.
DIE_AFTER_COMMIT = """
import os
import django
django.setup()
from django.db import transaction
from accounts.models import User
from events.services import interaction_record
from movies.services import movies_hide
from recommendations.models import ModelVersion
from recommendations.training.publishing import version_publish
with transaction.atomic():
    transaction.on_commit(lambda: os._exit({status}))
    {change}
"""


def die_after(change: str) -> None:
    """Makes the change in a process that dies as soon as it has committed."""
    environment = os.environ | {
        "DJANGO_SETTINGS_MODULE": "recsys_project.settings.local",
        "DATABASE_URL": running_database_url(),
        "REDIS_URL": settings.REDIS_URL,
        "RECSYS_VAR": str(settings.MODEL_DIR.parent),
        "MODEL_DIR": str(settings.MODEL_DIR),
    }
    code = DIE_AFTER_COMMIT.format(status=KILLED, change=change)
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, check=False, cwd=settings.BASE_DIR, env=environment, timeout=60)
    assert done.returncode == KILLED


def versions_shown(person: Client) -> set[int]:
    """The versions that concurrent readers get once no process has an older live version cached."""
    time.sleep(CACHE_SECONDS)
    return {answer["model_version"] for answer in at_once([person.read] * READERS)}


def test_only_the_version_of_a_killed_publisher_is_served(cinema: Cinema):
    person = cinema.person()
    with second_version() as (first, second):
        assert versions_shown(person) == {first}
        die_after(f"version_publish(version=ModelVersion.objects.get(pk={second}))")

        assert versions_shown(person) == {second}


def test_a_restored_backup_serves_no_list_of_a_lost_version(cinema: Cinema):
    person = cinema.person()
    with second_version() as (first, second):
        ModelVersion.objects.filter(pk=first).update(status="retired")
        ModelVersion.objects.filter(pk=second).update(status="live")
        assert versions_shown(person) == {second}
        # What the backup holds; Redis stays as it was.
        with transaction.atomic():
            ModelVersion.objects.filter(pk=second).delete()
            ModelVersion.objects.filter(pk=first).update(status="live")

        assert versions_shown(person) == {first}


def test_an_event_of_a_killed_process_counts_after_the_sweep(cinema: Cinema):
    announce_changes()
    person, other = cinema.person(), cinema.person()
    movie = person.ids(limit=100)[0]
    others = other.read()["recommendation_id"]
    die_after(
        f"interaction_record(user=User.objects.get(pk={person.user.pk}), movie_id={movie}, kind='dislike')",
    )
    # The sweep leaves what may be about to be announced to its own process.
    at = timezone.now() - timedelta(seconds=10)
    Interaction.objects.filter(user=person.user).update(occurred_at=at, received_at=at)
    announce_changes()

    assert not any(movie in ids for ids in at_once([lambda: person.ids(limit=100)] * 8))
    assert other.read()["recommendation_id"] == others


def test_a_movie_hidden_by_a_killed_process_is_not_shown(cinema: Cinema):
    person = cinema.person()
    movie = person.ids(limit=100)[0]
    try:
        die_after(f"movies_hide(movie_ids=[{movie}])")
        time.sleep(CACHE_SECONDS)

        assert Movie.objects.get(pk=movie).status == Movie.Status.HIDDEN
        assert not any(movie in ids for ids in at_once([lambda: person.ids(limit=100)] * 8))
        assert movie not in cinema.guest.ids("/api/recommendations/popular/", limit=100)
    finally:
        movies_publish(movie_ids=[movie])

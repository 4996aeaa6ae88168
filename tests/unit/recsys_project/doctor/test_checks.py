"""What the checks of the doctor find, each against the real services."""

import hashlib
import os
import time
from collections.abc import Callable, Iterable
from datetime import timedelta
from pathlib import Path

import pytest
from django.core import checks
from django.db import connection
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder
from django.utils import timezone
from django_celery_beat.models import PeriodicTask

from recommendations.models import ModelVersion
from recommendations.vectors.recall import Recall
from recsys_project.broker import QueueState
from recsys_project.doctor import clock, configuration, database, disk, model, redis_servers, search, work
from recsys_project.doctor.findings import Finding, Level
from recsys_project.staff.task_board import DONE, FAILED, TaskRun, Worker, run_note, worker_note
from tests.factories import make_embedding, make_movie, make_version

pytestmark = pytest.mark.django_db
GIB = 1024**3


def worst(findings: Iterable[Finding]) -> tuple[Level, str]:
    """The worst level, and the text and advice of the findings of that level."""
    order = list(Level)
    found = list(findings)
    level = max((finding.level for finding in found), key=order.index)
    return level, " ".join(f"{finding.message} {finding.advice}" for finding in found if finding.level is level)


@pytest.fixture(autouse=True)
def _empty_cache(db: None) -> None:
    """What other tests note of tasks and workers is gone: a test with ``db`` starts with an empty cache."""


@pytest.fixture
def live(settings, tmp_path) -> ModelVersion:
    """A live version that was trained just now, with its file."""
    settings.MODEL_DIR = tmp_path
    digest = hashlib.sha256(b"as written").hexdigest()
    version = make_version(artefacts={"encoder.npz": digest}, finished_at=timezone.now())
    (tmp_path / str(version.pk)).mkdir()
    (tmp_path / str(version.pk) / "encoder.npz").write_bytes(b"as written")
    return version


@pytest.mark.parametrize(
    "check",
    [
        configuration.settings_findings,
        configuration.package_findings,
        database.server_findings,
        database.extension_findings,
        database.migration_findings,
        redis_servers.cache_findings,
        clock.database_findings,
        clock.redis_findings,
        work.task_findings,
        work.stream_findings,
    ],
)
def test_a_sound_installation_has_no_problems(check: Callable[[], Iterable[Finding]]):
    assert worst(check())[0] is Level.OK


def test_a_message_of_the_system_checks_is_a_finding(monkeypatch):
    messages = [checks.Error("It cannot work.", hint="Set FOO.", id="x.E1"), checks.Warning("It may.", id="x.W1")]
    monkeypatch.setattr(checks, "run_checks", lambda **_: messages)

    found = list(configuration.settings_findings())

    assert [finding.level for finding in found[:2]] == [Level.PROBLEM, Level.WARNING]
    assert (found[0].message, found[0].advice) == ("It cannot work. (x.E1)", "Set FOO.")


def test_packages_of_another_release_are_named(settings, tmp_path):
    settings.BASE_DIR = tmp_path
    (tmp_path / "requirements.txt").write_text("# A line.\nDjango==1.0\nno-such-package[extra]==2.0\n")

    level, text = worst(configuration.package_findings())

    assert level is Level.WARNING
    assert "no-such-package (missing) instead of 2.0" in text
    assert "instead of 1.0" in text


def test_a_missing_extension_is_a_problem():
    with connection.cursor() as cursor:
        cursor.execute("UPDATE pg_extension SET extname = 'hidden' WHERE extname = 'pg_trgm'")
        cursor.execute("UPDATE pg_extension SET extversion = '0.7.4' WHERE extname = 'vector'")

    level, text = worst(database.extension_findings())

    assert level is Level.PROBLEM
    assert "vector 0.7.4 is older than 0.8" in text
    assert "pg_trgm is not in this database" in text


def test_migrations_that_are_missing_or_unknown_are_named():
    recorder = MigrationRecorder(connection)
    recorder.record_applied("movies", "9999_of_a_later_release")
    assert worst(database.migration_findings()) == (
        Level.WARNING,
        "The database has migrations that this release does not know: movies 9999_of_a_later_release. "
        "Run the release that made them; to go back, undo them with that release first.",
    )
    ((app, newest),) = MigrationLoader(connection).graph.leaf_nodes("workers")
    recorder.record_unapplied(app, newest)

    level, text = worst(database.migration_findings())

    assert level is Level.PROBLEM
    assert f"1 migrations are not applied, the first is workers {newest}" in text


@pytest.mark.parametrize(
    ("ahead", "level"), [(0, Level.OK), (1.5, Level.OK), (-3, Level.WARNING), (40, Level.PROBLEM), (-40, Level.PROBLEM)]
)
def test_a_clock_that_differs_is_found(ahead: float, level: Level):
    finding = clock.skew_finding("clock", "PostgreSQL", 1000.0, 1000.1 + ahead, 1000.2)

    assert finding.level is level
    if level is not Level.OK:
        assert ("ahead of" if ahead > 0 else "behind") in finding.message


def test_a_slow_answer_is_no_difference_of_clocks():
    assert clock.skew_finding("clock", "PostgreSQL", 1000.0, 1008.0, 1009.0).level is Level.OK


def test_a_fresh_model_is_sound(live):
    assert worst(model.live_findings())[0] is Level.OK
    assert worst(model.training_findings())[0] is Level.OK


def test_no_model_is_a_problem():
    level, text = worst(model.live_findings())

    assert level is Level.PROBLEM
    assert "manage.py train" in text


def test_an_old_model_is_a_problem(live, settings):
    ModelVersion.objects.update(finished_at=timezone.now() - timedelta(hours=40))

    level, text = worst(model.live_findings())
    assert level is Level.PROBLEM
    assert f"version {live.pk} was trained 40 hours ago; the limit is 26" in text
    settings.MODEL_MAX_AGE_HOURS = 48
    assert worst(model.live_findings())[0] is Level.OK


def test_missing_files_and_bad_quality_are_problems(live, tmp_path):
    ModelVersion.objects.update(metrics={"ndcg@10": 0.1, "popularity": {"ndcg@10": 0.2}})
    (tmp_path / str(live.pk) / "encoder.npz").unlink()

    level, text = worst(model.live_findings())

    assert level is Level.PROBLEM
    assert "encoder.npz is missing" in text
    assert "worse than popularity" in text


@pytest.mark.parametrize(
    ("status", "level", "reason"),
    [("failed", Level.PROBLEM, "No space left on device"), ("refused", Level.WARNING, "lost half of its movies")],
)
def test_the_reason_of_the_newest_training_is_told(live, status, level, reason):
    texts = {"error": f"Traceback\n{reason}", "refusal": reason}
    make_version(status, finished_at=timezone.now(), **texts)

    assert worst(model.training_findings())[0] is level
    assert reason in worst(model.training_findings())[1]


def test_a_training_that_stands_still_is_a_problem(live, settings):
    version = make_version("training", started_at=timezone.now() - timedelta(hours=4))

    level, text = worst(model.training_findings())

    assert level is Level.PROBLEM
    assert f"Version {version.pk} has been training for 4.0 hours" in text


def test_a_queue_that_nobody_reads_is_a_problem():
    worker_note(Worker(name="w@host", queues=("default",), seen_at=time.time()))
    worker_note(Worker(name="t@host", queues=("train",), seen_at=time.time() - 3600))
    PeriodicTask.objects.update(last_run_at=timezone.now())

    level, text = worst(work.queue_findings())

    assert level is Level.PROBLEM
    assert "No worker reads the queue train" in text
    assert "queue default" not in text
    assert "beat" not in text.lower()


def test_an_old_message_is_a_hanging_task(monkeypatch):
    for name, queue in (("w", "default"), ("t", "train")):
        worker_note(Worker(name=name, queues=(queue,), seen_at=time.time()))
    PeriodicTask.objects.update(last_run_at=timezone.now())
    states = {"default": QueueState(3, 1200.0), "train": QueueState(1, 1200.0)}
    monkeypatch.setattr(work, "queue_states", lambda: states)

    level, text = worst(work.queue_findings())

    assert level is Level.PROBLEM
    assert "The next of 3 messages in the queue default has waited for 20 minutes" in text
    assert "queue train" not in text


def test_a_silent_beat_is_a_problem():
    for name, queue in (("w", "default"), ("t", "train")):
        worker_note(Worker(name=name, queues=(queue,), seen_at=time.time()))
    PeriodicTask.objects.update(last_run_at=timezone.now() - timedelta(hours=1))

    level, text = worst(work.queue_findings())

    assert level is Level.PROBLEM
    assert "Beat has sent nothing since" in text


def test_a_failed_task_is_named_with_its_cause():
    run_note(TaskRun(task="workers.tasks.one", state=FAILED, started_at=1, finished_at=2, cause="OSError: disk full"))
    run_note(TaskRun(task="workers.tasks.two", state=DONE, started_at=1, finished_at=2))

    level, text = worst(work.task_findings())

    assert level is Level.WARNING
    assert "workers.tasks.one failed: OSError: disk full" in text
    assert "workers.tasks.two" not in text


@pytest.mark.parametrize(
    ("free", "total", "level"),
    [(50 * GIB, 100 * GIB, Level.OK), (5 * GIB, 100 * GIB, Level.WARNING), (GIB // 4, GIB, Level.PROBLEM)],
)
def test_a_disk_that_fills_up_is_found(free: int, total: int, level: Level):
    assert disk.space_finding("/var", free, total).level is level


def test_folders_that_do_not_exist_yet_are_on_a_disk_too(settings, tmp_path):
    settings.MODEL_DIR = tmp_path / "to be" / "made"
    settings.ERASURES_FILE = str(tmp_path / "erasures")
    settings.BACKUP_DIR = "relative/and/missing"

    assert all("GiB are free" in finding.message for finding in disk.space_findings())


def test_scratch_files_in_memory_are_found(settings, tmp_path):
    if not os.path.ismount("/dev/shm"):
        pytest.skip("needs /dev/shm")
    settings.TRAINING_SCRATCH_DIR = "/dev/shm/not yet made"

    found = [finding for finding in disk.space_findings() if finding.level is Level.WARNING]

    assert any("/dev/shm is a file system in memory" in finding.message for finding in found)
    assert list(disk.scratch_findings(Path("/proc"))) == []


def test_an_unset_folder_of_backups_is_unknown(settings):
    settings.BACKUP_DIR = ""

    assert worst(disk.backup_findings())[0] is Level.UNKNOWN


def test_the_age_of_the_newest_backup_counts(settings, tmp_path: Path):
    settings.BACKUP_DIR = str(tmp_path / "none")
    assert worst(disk.backup_findings())[0] is Level.PROBLEM
    settings.BACKUP_DIR = str(tmp_path)
    (tmp_path / "empty.dump").touch()
    (tmp_path / ".half.dump").write_bytes(b"x")
    assert "no backup" in worst(disk.backup_findings())[1]
    old = tmp_path / "monday.dump"
    old.write_bytes(b"x")
    os.utime(old, (0, time.time() - 50 * 3600))

    level, text = worst(disk.backup_findings())

    assert level is Level.PROBLEM
    assert "50.0 hours old" in text
    (tmp_path / "tuesday.dump").write_bytes(b"x")
    assert worst(disk.backup_findings())[0] is Level.OK


def test_search_that_loses_movies_is_a_warning(live, monkeypatch):
    assert worst(search.recall_findings())[0] is Level.UNKNOWN
    make_embedding(live, make_movie(), [1.0])
    assert worst(search.recall_findings())[0] is Level.OK
    lost = Recall(0.75, 20, "embedding_factors_7", indexed=True)
    monkeypatch.setattr(search, "measure_recall", lambda **_: lost)

    level, text = worst(search.recall_findings())

    assert level is Level.WARNING
    assert "finds 75.0%" in text
    assert "REINDEX INDEX CONCURRENTLY embedding_factors_7" in text
    assert "VECTOR_INDEX_MIN_MOVIES" in text

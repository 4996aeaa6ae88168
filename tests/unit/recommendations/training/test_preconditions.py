"""A training with a setting or a folder that is wrong ends at its start, names it, and changes nothing."""

from pathlib import Path

import pytest
from django.core import checks
from django.core.management import CommandError, call_command
from threadpoolctl import threadpool_info

from recommendations.algorithms import column_files, threads
from recommendations.algorithms.pipeline.tune import Limits
from recommendations.models import ModelVersion
from recommendations.training import services as training
from recommendations.training.attempts import RetriableTrainingError, TrainingError, failure_reason
from recommendations.training.preconditions import folders_checked
from recommendations.training.tuning import tuning_run

Status = ModelVersion.Status
WRONG = [
    ("TRAINING_MAX_ITEMS", 0),
    ("TRAINING_MAX_ITEMS", -1),
    ("TRAINING_MAX_RATINGS", 0),
    ("TRAINING_EVALUATED_PEOPLE", -3),
    ("TRAINING_THREADS", -1),
    ("TRAINING_MAX_ATTEMPTS", 0),
    ("TRAINING_RETRY_MINUTES", -1.0),
    ("TRAINING_STALLED_MINUTES", 0.0),
    ("TRAINING_NIGHTLY_HOURS", -1),
    ("POPULAR_HALF_LIFE_DAYS", 0.0),
    ("EMBEDDING_ENCODER", "word2vec"),
    ("TRAINING_ENGINE", "foo"),
]


@pytest.mark.parametrize(("name", "value"), WRONG)
def test_a_wrong_setting_is_named_at_the_start(settings, name, value):
    setattr(settings, name, value)

    [error] = [error for error in checks.run_checks() if error.id == "recommendations.E008"]

    assert error.msg.startswith(f"{name}: ")


def test_a_training_names_every_wrong_setting(world, settings):
    live = training.training_run()
    settings.TRAINING_MAX_ITEMS, settings.TRAINING_ENGINE = 0, "foo"

    with pytest.raises(TrainingError, match=r"^TRAINING_MAX_ITEMS: 0 is not .* TRAINING_ENGINE: 'foo' is not"):
        training.training_run()

    failed = ModelVersion.objects.get(status=Status.FAILED)
    assert failed.error.startswith("TRAINING_MAX_ITEMS: 0 ")
    assert ModelVersion.objects.get(status=Status.LIVE) == live


def test_a_search_names_a_wrong_setting(world, settings):
    settings.TRAINING_MAX_ITEMS = 0

    with pytest.raises(TrainingError, match=r"^TRAINING_MAX_ITEMS: 0 is not"):
        tuning_run(limits=Limits(1, 60))


def test_training_on_a_file_names_a_wrong_setting(settings, tmp_path):
    (tmp_path / "ratings.tsv").write_text("1\t2\t5\n")
    settings.TRAINING_MAX_ITEMS = 0

    with pytest.raises(CommandError, match=r"^TRAINING_MAX_ITEMS: 0 is not"):
        call_command("train", data=tmp_path / "ratings.tsv", out=tmp_path / "out", quiet=True)

    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("name", ["MODEL_DIR", "TRAINING_SCRATCH_DIR"])
def test_a_folder_that_is_a_file_is_named_before_reading(world, settings, tmp_path, monkeypatch, name):
    live = training.training_run()
    (tmp_path / "file").write_text("1")
    setattr(settings, name, tmp_path / "file")
    monkeypatch.setattr(training, "interactions_read", None)

    with pytest.raises(TrainingError, match=rf"^{name} \(.*file\) cannot be written: File exists$"):
        training.training_run()

    assert ModelVersion.objects.get(status=Status.LIVE) == live


def test_checking_the_folders_leaves_nothing(settings, tmp_path):
    settings.TRAINING_SCRATCH_DIR = str(tmp_path / "scratch")

    folders_checked()

    assert list((tmp_path / "scratch").iterdir()) == list(settings.MODEL_DIR.iterdir()) == []
    settings.TRAINING_SCRATCH_DIR = "/proc/here"
    with pytest.raises(RetriableTrainingError, match=r"TRAINING_SCRATCH_DIR \(/proc/here\) cannot be written"):
        folders_checked()


@pytest.mark.parametrize("scratch", [True, False])
def test_a_full_disk_names_the_setting_of_its_folder(world, settings, tmp_path, monkeypatch, scratch):
    settings.TRAINING_SCRATCH_DIR = str(tmp_path / "scratch") if scratch else ""
    monkeypatch.setattr(column_files, "MAX_ROWS_IN_MEMORY", 10)
    monkeypatch.setattr(column_files, "_new_file", lambda folder: Path("/dev/full").open("wb", 0))  # noqa: SIM115 -- the writer closes it.

    name = "TRAINING_SCRATCH_DIR" if scratch else "MODEL_DIR"
    with pytest.raises(TrainingError, match=rf"^{name} \(.*\) cannot be written: No space left on device$"):
        training.training_run()


def test_another_error_is_named_by_its_type(settings):
    assert failure_reason(OSError("no reason")) == "OSError: no reason"
    elsewhere = OSError(28, "No space left on device", "/elsewhere/file")
    assert failure_reason(elsewhere) == "OSError: [Errno 28] No space left on device: '/elsewhere/file'"


def test_no_more_threads_than_cores(monkeypatch):
    monkeypatch.setattr(threads, "_core_count", lambda: 1)

    with threads.limited_threads(1000):
        assert {pool["num_threads"] for pool in threadpool_info()} == {1}
        assert threads.thread_count() == 1

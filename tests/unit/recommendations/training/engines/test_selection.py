"""Which engine trains, and what is said where the one that is asked for cannot."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as django_settings

from recommendations.models import BatchRecommendation, ModelVersion
from recommendations.training import nightly
from recommendations.training import services as training
from recommendations.training.attempts import TrainingError
from recommendations.training.engines.local import LocalEngine
from recommendations.training.engines.selection import training_engine
from recommendations.training.settings_check import check_training_settings
from tests.spark_cluster import needs_pyspark


@pytest.fixture
def spark(settings: Any, tmp_path: Path) -> Iterator[Any]:
    settings.TRAINING_ENGINE = "spark"
    settings.TRAINING_SPARK_MASTER = "spark://127.0.0.1:9"
    settings.TRAINING_SPARK_FOLDER = tmp_path / "spark"
    return settings


def test_one_machine_trains_by_default():
    assert isinstance(training_engine(), LocalEngine)
    assert check_training_settings() == []


def test_spark_is_not_imported_unless_it_is_chosen():
    script = (
        "import django, sys; django.setup(); import recommendations.training.services;"
        "print([name for name in sys.modules if name.split('.')[0] in ('pyspark', 'py4j')])"
    )

    said = subprocess.run(
        [sys.executable, "-c", script], cwd=django_settings.BASE_DIR, capture_output=True, text=True, check=True
    )

    assert said.stdout.strip() == "[]"


def test_missing_packages_are_named(spark, monkeypatch):
    for name in [name for name in sys.modules if name.startswith("recommendations.training.engines.spark")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "pyspark", None)

    with pytest.raises(TrainingError, match=r"pip install -r requirements-spark\.txt"):
        training_engine()


@needs_pyspark
def test_missing_java_is_named(spark, monkeypatch, tmp_path):
    from recommendations.training.engines import spark_session  # noqa: PLC0415 -- needs pyspark.

    monkeypatch.setattr(spark_session, "_reachable_from", lambda master: "127.0.0.1")
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("JAVA_HOME", raising=False)

    with pytest.raises(TrainingError, match="needs Java 17"), training_engine():
        pass
    assert list(spark.TRAINING_SPARK_FOLDER.iterdir()) == []


@needs_pyspark
def test_a_master_that_does_not_answer_is_named(spark):
    with pytest.raises(TrainingError, match=r"master does not answer \(127\.0\.0\.1:9: .*refused"), training_engine():
        pass
    assert list(spark.TRAINING_SPARK_FOLDER.iterdir()) == []


@needs_pyspark
def test_a_training_waits_for_a_cluster_that_is_away(world, spark):
    requested = nightly.training_request(trigger="admin")

    with pytest.raises(TrainingError, match="master does not answer"):
        training.training_run(version=requested)

    version = ModelVersion.objects.get(pk=requested.pk)
    assert (version.status, version.attempts) == (ModelVersion.Status.REQUESTED, 1)
    assert version.error.startswith("Attempt 1 of 3: the Spark master does not answer")
    assert not BatchRecommendation.objects.filter(version=version).exists()


@needs_pyspark
def test_a_folder_that_cannot_be_written_is_named(spark, tmp_path):
    (tmp_path / "spark").write_text("a file")

    with pytest.raises(TrainingError, match="TRAINING_SPARK_FOLDER cannot be written"), training_engine():
        pass


@needs_pyspark
def test_what_killed_trainings_left_is_deleted(spark):
    left = spark.TRAINING_SPARK_FOLDER / "training-0123"
    left.mkdir(parents=True)
    (left / "000000.parquet").write_bytes(b"rows")
    (spark.TRAINING_SPARK_FOLDER / "other").write_text("of somebody else")

    with pytest.raises(TrainingError), training_engine():
        pass

    assert [path.name for path in spark.TRAINING_SPARK_FOLDER.iterdir()] == ["other"]


# The end of what Spark raises, and what it means.
MEANINGS = [
    ("java.lang.OutOfMemoryError: Java heap space", "ran out of memory"),
    ("org.apache.spark.SparkException: Python worker exited unexpectedly (crashed)", "ran out of memory"),
    ("ExecutorLostFailure (executor 3 exited): Command exited with code 137, exit code 137", "ran out of memory"),
    ("ModuleNotFoundError: No module named 'recommendations'", "cannot import the project"),
    ('java.io.IOException: Cannot run program "/opt/python": error=2, No such file', "cannot import the project"),
    ("[PYTHON_VERSION_MISMATCH] Python in worker has different version", "cannot import the project"),
    ("recommendations.training.engines.partitions.FolderNotSharedError: /f", "TRAINING_SPARK_FOLDER is not shared"),
    ("Cannot call methods on a stopped SparkContext.", "connection to the Spark cluster was lost"),
    (
        "Job aborted\n  File x\nValueError: the likes are wrong\n\n\tat org.apache.spark",
        "Spark failed: ValueError: the",
    ),
    ("", "Spark failed: no reason"),
]


@needs_pyspark
@pytest.mark.parametrize(("text", "words"), MEANINGS)
def test_errors_of_spark_say_what_to_do(text, words):
    from recommendations.training.engines.spark_errors import meaning  # noqa: PLC0415 -- needs pyspark.

    assert words in meaning(text, "/shared")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("TRAINING_ENGINE", "hadoop"),
        ("TRAINING_SPARK_MASTER", "yarn"),
        ("TRAINING_SPARK_EXECUTOR_CORES", -1),
        ("TRAINING_SPARK_TASKS", 0),
        ("TRAINING_SPARK_OPTIONS", {"spark.cores.max": 64}),
    ],
)
def test_a_wrong_setting_is_named(spark, name, value):
    setattr(spark, name, value)

    [error] = check_training_settings()

    assert error.id == "recommendations.E008"
    assert error.msg.startswith(f"{name}: ")

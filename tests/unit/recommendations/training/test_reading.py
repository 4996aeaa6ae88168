"""A training whose data are mapped from files makes what one with data in memory makes."""

import numpy as np
import pytest
from django.db import connection
from django.utils import timezone

from events import training_data
from events.models import Interaction
from recommendations.algorithms import column_files, feedback_blocks
from recommendations.algorithms.feedback import FeedbackConfig
from recommendations.models import BatchRecommendation, ModelVersion
from recommendations.training import services as training
from recommendations.training.attempts import TrainingError
from recommendations.training.reading import interactions_read


@pytest.fixture
def in_files(monkeypatch):
    """Makes long columns of those of more than ten rows, in blocks of seven."""

    def begin() -> None:
        monkeypatch.setattr(column_files, "MAX_ROWS_IN_MEMORY", 10)
        monkeypatch.setattr(column_files, "BLOCK_ROWS", 7)

    return begin


def lists_of(version: ModelVersion) -> dict[int, list[int]]:
    return dict(BatchRecommendation.objects.filter(version=version).values_list("user_id", "movie_ids"))


def test_mapped_data_make_the_same_version(world, settings, in_files):
    settings.GATE_MIN_PEOPLE, settings.FOLD_LISTS = 10, True
    Interaction.objects.create(user=world.people[0], movie=world.crime[0], kind="view", occurred_at=timezone.now())
    first = training.training_run()
    in_files()
    second = training.training_run()

    assert (first.status, second.status) == (ModelVersion.Status.LIVE, ModelVersion.Status.LIVE)
    assert lists_of(second) == lists_of(first)
    unlike = {"stages", "live", "seconds"}
    assert {key: value for key, value in second.metrics.items() if key not in unlike} == {
        key: value for key, value in first.metrics.items() if key not in unlike
    }


def test_files_are_in_the_folder_of_the_setting(world, settings, in_files, tmp_path):
    settings.TRAINING_SCRATCH_DIR = str(tmp_path / "scratch")
    in_files()

    found = interactions_read(config=FeedbackConfig())

    assert len(found) == 12 * 7
    assert found.folder == tmp_path / "scratch"
    assert list(found.folder.iterdir()) == []
    assert not settings.MODEL_DIR.exists()


def test_few_interactions_make_no_folder(world, settings):
    found = interactions_read(config=FeedbackConfig())

    assert np.all(np.diff(found.users) >= 0)
    assert not settings.MODEL_DIR.exists()


def test_nothing_to_read_is_an_error(db):
    with pytest.raises(TrainingError, match="nothing to train on"):
        interactions_read(config=FeedbackConfig())


def test_reading_that_stops_early_frees_the_connection(world, monkeypatch):
    monkeypatch.setattr(training_data, "_BATCH_ROWS", 20)

    def interrupted(*args: object, **kwargs: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(feedback_blocks, "merge_rows", interrupted)
    with pytest.raises(KeyboardInterrupt) as held:
        interactions_read(config=FeedbackConfig())

    # The traceback still holds the frames that read, and the connection answers all the same.
    assert held.value.__traceback__ is not None
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL statement_timeout = '5s'")
    assert ModelVersion.objects.count() == 0

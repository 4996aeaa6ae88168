import os
import stat
import time

import pytest

from recommendations.algorithms.model_files import ModelFileError
from recommendations.models import ITEM_DIMENSIONS, ModelVersion
from recommendations.training import attempts
from recommendations.training import services as training
from recommendations.vectors import artefacts


@pytest.fixture
def umask():
    before = os.umask(0o022)
    yield
    os.umask(before)


def aged(path, seconds: float = artefacts.ABANDONED_AFTER_SECONDS + 60):
    os.utime(path, (time.time() - seconds,) * 2)
    return path


def make_folder(root, name: str):
    folder = root / name
    folder.mkdir(parents=True)
    (folder / "encoder.npz").write_bytes(b"half")
    return folder


def test_another_account_can_read_a_versions_files(world, settings, umask):
    version = training.training_run()

    folder = settings.MODEL_DIR / str(version.pk)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o755
    files = list(folder.iterdir())
    assert files
    assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o644}


def test_the_sweep_removes_what_killed_trainings_left(db, settings):
    root = settings.MODEL_DIR
    half, gone = make_folder(root, ".7-1a2b3c"), make_folder(root, "123456")
    version = ModelVersion.objects.create(status="live")
    kept = [
        aged(make_folder(root, str(version.pk))),
        make_folder(root, ".8-fresh"),
        make_folder(root, "123457"),
        aged(make_folder(root, "somebody's own")),
        aged(make_folder(root, ".git")),
    ]
    for path in (half, gone):
        aged(path)

    attempts.trainings_sweep()

    assert not half.exists()
    assert not gone.exists()
    assert all(path.is_dir() for path in kept)


def test_a_link_in_the_place_of_a_folder_is_left(db, settings, tmp_path):
    outside = make_folder(tmp_path, "outside")
    settings.MODEL_DIR.mkdir()
    link = settings.MODEL_DIR / "123456"
    link.symlink_to(outside)
    aged(outside)

    assert artefacts.artefacts_sweep() == []
    assert (outside / "encoder.npz").exists()


def test_the_sweep_removes_nothing_while_another_trains(another_process_trains, settings):
    half = aged(make_folder(settings.MODEL_DIR, ".7-1a2b3c"))

    attempts.trainings_sweep()

    assert half.exists()


def test_files_are_whole_only_as_training_wrote_them(world, settings):
    version = training.training_run()
    assert artefacts.artefacts_whole(version=version)

    path = next((settings.MODEL_DIR / str(version.pk)).iterdir())
    path.write_bytes(path.read_bytes()[:-1])

    assert not artefacts.artefacts_whole(version=version)
    assert not artefacts.artefacts_whole(version=ModelVersion())


def test_the_space_of_queries_is_read_once_and_checked(world, settings):
    version = training.training_run()
    path = settings.MODEL_DIR / str(version.pk) / "next_item.npz"

    space = artefacts.mixed_space_load(version=version)

    assert space.width == ITEM_DIMENSIONS
    assert version.hyperparameters["next_item"]["horizon"] == 5
    path.unlink()
    assert artefacts.mixed_space_load(version=version) is space


@pytest.mark.parametrize("change", [lambda path: path.unlink(), lambda path: path.write_bytes(b"another")])
def test_a_space_whose_file_is_missing_or_changed_is_refused(world, settings, change):
    version = training.training_run()
    change(settings.MODEL_DIR / str(version.pk) / "next_item.npz")

    with pytest.raises(ModelFileError):
        artefacts.mixed_space_load(version=version)


def test_a_version_without_next_item_model_has_no_space(world, settings):
    settings.TRAINING_NEXT_ITEM = False

    version = training.training_run()

    assert "next_item.npz" not in version.artefacts
    assert version.hyperparameters["next_item"] is None
    assert artefacts.mixed_space_load(version=version) is None

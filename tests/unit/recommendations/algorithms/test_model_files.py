"""Model files hold numbers and text only: what else a file holds is refused, and its name is in the message."""

import numpy as np
import pytest

from recommendations.algorithms.model_files import ModelFileError, load_arrays, save_arrays


def test_arrays_are_read_back_as_they_were_written(tmp_path):
    save_arrays(tmp_path / "folder" / "model.npz", "a kind", {"weights": np.eye(3, dtype=np.float32)})

    loaded = load_arrays(tmp_path / "folder" / "model.npz", "a kind")

    assert list(loaded) == ["weights"]
    assert loaded["weights"].dtype == np.float32
    assert np.array_equal(loaded["weights"], np.eye(3))
    assert [path.name for path in (tmp_path / "folder").iterdir()] == ["model.npz"]


def test_a_file_with_a_pickle_is_refused(tmp_path):
    with (tmp_path / "model.npz").open("wb") as stream:
        np.savez(stream, kind=np.array("a kind"), weights=np.array([{"run": "me"}], object))

    with pytest.raises(ModelFileError, match=r"model\.npz"):
        load_arrays(tmp_path / "model.npz", "a kind")


def test_a_model_of_another_kind_is_refused(tmp_path):
    save_arrays(tmp_path / "model.npz", "a kind", {})

    with pytest.raises(ModelFileError, match="expected a model of kind 'another', found 'a kind'"):
        load_arrays(tmp_path / "model.npz", "another")

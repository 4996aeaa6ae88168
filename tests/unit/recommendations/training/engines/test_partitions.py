"""Interactions in Parquet files, and objects whose arrays lie in a file."""

from pathlib import Path

import numpy as np
import pytest

from recommendations.algorithms.interactions import Interactions
from recommendations.training.engines.partitions import FolderNotSharedError, Partition, partitions_write
from recommendations.training.engines.shared_objects import SharedObject


def make_interactions(*, in_order: bool) -> Interactions:
    rng = np.random.default_rng(0)
    users, items = np.nonzero(rng.random((60, 25)) < 0.3)
    rows = np.arange(len(users)) if in_order else rng.permutation(len(users))
    whole = Interactions.from_columns(
        users[rows],
        items[rows],
        weights=rng.choice(np.float32([-1, 0, 2]), len(rows)),
        excludes=rng.random(len(rows)) < 0.8,
    )
    # The first, some in between and the last have nothing.
    return whole.take(~np.isin(whole.users, [0, 20, 21, 59]))


@pytest.mark.parametrize("in_order", [True, False])
def test_partitions_hold_everybody_once(tmp_path, in_order):
    whole = make_interactions(in_order=in_order)

    partitions = partitions_write(whole, tmp_path, rows=50)

    assert len(partitions) > 4
    assert [part.start for part in partitions] == [0, *(part.stop for part in partitions[:-1])]
    assert partitions[-1].stop == 60
    for part in partitions:
        block, people = part.read(), np.arange(part.start, part.stop)
        assert (len(block.user_ids), len(block.item_ids)) == (len(people), 25)
        np.testing.assert_array_equal(block.likes().toarray(), whole.likes()[people].toarray())
        np.testing.assert_array_equal(block.dislikes().toarray(), whole.dislikes()[people].toarray())
        np.testing.assert_array_equal(block.seen().toarray(), whole.seen()[people].toarray())


def test_nobody_makes_no_partition(tmp_path):
    empty = np.zeros(0, np.int64)

    assert partitions_write(Interactions.from_columns(empty, empty), tmp_path) == ()
    assert list(tmp_path.iterdir()) == []


def test_an_absent_file_is_a_folder_that_is_not_shared(tmp_path):
    with pytest.raises(FolderNotSharedError):
        Partition(str(tmp_path / "absent.parquet"), 0, 1, 1).read()


def test_large_arrays_of_an_object_are_mapped_from_its_file(tmp_path):
    value = {"large": np.arange(40_000), "larger": np.ones((300, 200), np.float32), "small": np.arange(3)}
    path = tmp_path / "object"

    shared = SharedObject.write(value, path)
    loaded = shared.load()

    assert {name: array.tolist() for name, array in loaded.items()} == {
        name: array.tolist() for name, array in value.items()
    }
    assert len(shared.pickled) < 2000
    assert path.stat().st_size >= value["large"].nbytes + value["larger"].nbytes
    assert not loaded["larger"].flags.writeable
    Path(path).unlink()
    with pytest.raises(FolderNotSharedError):
        shared.load()


def test_a_small_object_needs_no_file(tmp_path):
    shared = SharedObject.write(("words", np.arange(5)), tmp_path / "object")

    assert shared.load()[1].tolist() == [0, 1, 2, 3, 4]
    assert list(tmp_path.iterdir()) == []

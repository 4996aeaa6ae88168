"""What executors do, without a cluster: sums in pieces."""

import numpy as np
import pytest

from recommendations.algorithms.interactions import Interactions
from recommendations.algorithms.mapped import local_likes
from recommendations.training.engines import executor
from recommendations.training.engines.partitions import partitions_write
from recommendations.training.engines.shared_objects import SharedObject
from tests import spark_work


@pytest.mark.parametrize("piece", [7, 100, 1 << 20])
def test_pieces_of_all_tasks_add_up_to_the_sums(tmp_path, monkeypatch, piece):
    monkeypatch.setattr(executor, "PIECE", piece)
    rng = np.random.default_rng(0)
    users, items = np.nonzero(rng.random((40, 12)) < 0.4)
    whole = Interactions.from_columns(users, items, weights=rng.choice(np.float32([-1, 1, 2]), len(users)))
    partitions = partitions_write(whole, tmp_path, rows=30)
    shapes = [((12, 12), np.float32), ((), np.int64)]
    shared = SharedObject.write((spark_work.gram, np.float32(1), shapes, None, 12), tmp_path / "object")

    pieces = [part for task in range(3) for part in executor.partial_sums(task, partitions[task::3], shared)]
    added = list(executor.add_up(sorted(pieces, key=lambda part: part[0])))

    gram, count = local_likes(whole).sum(spark_work.gram, np.float32(1), shapes)
    assert [place for place, _ in added] == list(range(-(-144 // piece) + 1))
    np.testing.assert_array_equal(np.concatenate([part for _, part in added[:-1]]), gram.ravel())
    assert added[-1][1].tolist() == [count]


def test_no_pieces_add_up_to_nothing():
    assert list(executor.add_up([])) == []

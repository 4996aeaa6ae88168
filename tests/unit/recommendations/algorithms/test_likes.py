"""Sums over blocks of people, by threads: what they add up to, and that they repeat."""

import os
import signal
import time

import numpy as np
import pytest
from scipy.sparse import csr_array
from threadpoolctl import threadpool_limits

from recommendations.algorithms import likes as likes_module
from recommendations.algorithms.likes import LocalLikes, Sums, like_counts
from recommendations.algorithms.threads import map_in_threads, thread_count


def random_likes(people: int = 50, items: int = 20) -> csr_array:
    rng = np.random.default_rng(0)
    matrix = csr_array(rng.random((people, items)) * (rng.random((people, items)) < 0.3))
    return csr_array((matrix.data.astype(np.float32), matrix.indices, matrix.indptr), shape=matrix.shape)


def add_gram(block: csr_array, factor: float, sums: Sums) -> None:
    sums[0][...] += factor * (block.T @ block).toarray()
    sums[1][...] += block.shape[0]


@pytest.mark.parametrize("block_likes", [7, 60, 10**6])
@pytest.mark.parametrize("threads", [1, 2])
def test_the_sum_is_that_of_the_whole_matrix(monkeypatch, block_likes, threads):
    monkeypatch.setattr(likes_module, "BLOCK_LIKES", block_likes)
    likes = random_likes()

    with threadpool_limits(threads):
        gram, people = LocalLikes.of(likes).sum(add_gram, 2.0, [((20, 20), np.float32), ((1,), np.int64)])

    assert np.allclose(gram, 2 * (likes.T @ likes).toarray(), atol=1e-5)
    assert people.tolist() == [50]


def test_sums_repeat_to_the_last_digit(monkeypatch):
    monkeypatch.setattr(likes_module, "BLOCK_LIKES", 11)
    likes = LocalLikes.of(random_likes())
    shapes = [((20, 20), np.float32), ((1,), np.int64)]

    with threadpool_limits(2):
        first, second = (likes.sum(add_gram, 1.0, shapes)[0] for _ in range(2))

    assert np.array_equal(first, second)


@pytest.mark.parametrize(("room", "threads"), [(1, 1), (239, 1), (240, 2), (10**6, 3)])
def test_large_sums_have_fewer_threads(monkeypatch, room, threads):
    monkeypatch.setattr(likes_module, "BLOCK_LIKES", 11)
    monkeypatch.setattr(likes_module, "MAX_SUMS", room)
    # Each thread has sums of its own, of 80 and of 40 bytes.
    found = set()

    def add(block: csr_array, state: None, sums: Sums) -> None:
        found.add(id(sums[0]))
        sums[1][...] += block.shape[0]

    with threadpool_limits(3):
        _, people = LocalLikes.of(random_likes()).sum(add, None, [((20,), np.float32), ((10,), np.float32)])

    assert len(found) == threads
    assert people.tolist() == [50] * 10


def test_over_takes_columns_in_the_given_order_and_again():
    likes = random_likes()
    items = np.array([17, 3, 4, 9])

    chosen = LocalLikes.of(likes).over(items)
    again = chosen.over(np.array([3, 0]))

    assert chosen.shape == (50, 4)
    assert np.array_equal(chosen.rows(0, 50).toarray(), likes.toarray()[:, items])
    assert np.array_equal(again.rows(10, 20).toarray(), likes.toarray()[10:20, [9, 17]])
    assert like_counts(chosen).tolist() == likes.count_nonzero(axis=0)[items].tolist()


def test_a_sample_is_of_whole_people_in_their_order():
    likes = random_likes().toarray()
    everyone = LocalLikes.of(csr_array(likes)).over(np.arange(10))

    drawn, again = (everyone.sample(12, random_state=3).toarray() for _ in range(2))

    rows = [int(np.flatnonzero((likes[:, :10] == row).all(axis=1))[0]) for row in drawn if row.any()]
    assert np.array_equal(drawn, again)
    assert rows == sorted(rows)
    assert len(drawn) == 12
    assert np.array_equal(everyone.sample(50, random_state=3).toarray(), likes[:, :10])


def test_nobody_and_nothing_sum_to_zeros():
    for likes in (csr_array((0, 3), dtype=np.float32), csr_array((3, 0), dtype=np.float32)):
        assert not like_counts(LocalLikes.of(likes)).any()


@pytest.mark.parametrize("limit", [1, 2])
def test_blocks_have_as_many_threads_as_linear_algebra(limit):
    with threadpool_limits(limit):
        assert thread_count() == limit


def test_results_of_threads_come_in_the_order_of_the_items():
    with threadpool_limits(2):
        assert list(map_in_threads(lambda item: item * item, range(50))) == [item * item for item in range(50)]


def test_an_error_in_a_thread_is_raised_where_the_result_is_used():
    def fail(item: int) -> int:
        if item == 5:
            raise ValueError("five")
        return item

    with threadpool_limits(2), pytest.raises(ValueError, match="five"):
        list(map_in_threads(fail, range(50)))


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_a_sum_that_fails_does_not_finish_its_blocks(monkeypatch, error):
    monkeypatch.setattr(likes_module, "BLOCK_LIKES", 3)
    likes = LocalLikes.of(random_likes(people=300))
    counted = []

    def add(block: csr_array, state: None, sums: Sums) -> None:
        counted.append(block.shape[0])
        if len(counted) == 9 and error is KeyboardInterrupt:
            os.kill(os.getpid(), signal.SIGINT)
        if len(counted) == 9 and error is ValueError:
            raise error
        time.sleep(0.005)

    with pytest.raises(error), threadpool_limits(2):
        likes.sum(add, None, [])

    assert len(counted) < len(likes.blocks()) / 2

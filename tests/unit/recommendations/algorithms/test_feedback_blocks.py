"""Feedback merged in blocks of people is the feedback merged at once, in memory and in mapped files."""

import itertools
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from events.kinds import Kind
from events.weights import DEFAULT_WEIGHTS, EventWeights, KindWeights
from recommendations.algorithms import column_files
from recommendations.algorithms.feedback import FeedbackConfig, feedback_merge
from recommendations.algorithms.feedback_blocks import merge_blocks, reweigh
from recommendations.algorithms.interactions import Interactions
from recommendations.algorithms.mapped import local_likes

DAY = 86_400
VIEWS_FADE = KindWeights(
    **{name: getattr(DEFAULT_WEIGHTS[Kind.VIEW], name) for name in KindWeights.__slots__} | {"half_life_days": 20}
)
CONFIGS = [
    FeedbackConfig(),
    FeedbackConfig(fair_rating=0.3, age_half_life_days=90),
    FeedbackConfig(age_half_life_days=40, weights=EventWeights(view=VIEWS_FADE)),
]
every_config = pytest.mark.parametrize("config", CONFIGS)


def random_rows(rng: np.random.Generator, rows: int = 900) -> tuple[np.ndarray, ...]:
    """Several kinds for a pair, equal times and unknown ones; people and movies have gaps between their ids."""
    kinds = rng.integers(0, len(Kind), rows).astype(np.int8)
    ratings = np.where(kinds == Kind.RATING.code, rng.integers(1, 11, rows) / 2, np.nan).astype(np.float32)
    times = rng.integers(0, 12, rows) * 30 * DAY
    return rng.integers(3, 40, rows) * 7, rng.integers(0, 15, rows) * 3 + 1, kinds, ratings, times.astype(np.int64)


def in_blocks(columns: tuple[np.ndarray, ...], *bounds: int) -> list[SimpleNamespace]:
    """The rows of the people between the bounds, in blocks, some of which may be empty."""
    names = "user_ids", "movie_ids", "kinds", "ratings", "timestamps"
    edges = [-1, *bounds, 10**9]
    blocks = []
    for low, high in itertools.pairwise(edges):
        own = (columns[0] > low) & (columns[0] <= high)
        blocks.append(SimpleNamespace(**{name: values[own] for name, values in zip(names, columns, strict=True)}))
    return blocks


@pytest.fixture
def mapped(monkeypatch, tmp_path) -> Path:
    """The folder of files: columns of more than fifty rows are mapped, and read in blocks of seventeen."""
    monkeypatch.setattr(column_files, "MAX_ROWS_IN_MEMORY", 50)
    monkeypatch.setattr(column_files, "BLOCK_ROWS", 17)
    return tmp_path / "new"


def assert_same(found: Interactions, expected: Interactions) -> None:
    for name in ("user_ids", "item_ids", "users", "items", "weights", "ratings", "timestamps", "excludes", "kinds"):
        ours, theirs = getattr(found, name), getattr(expected, name)
        assert ours.dtype == theirs.dtype, name
        np.testing.assert_array_equal(ours, theirs, err_msg=name)


def assert_same_matrix(found, expected) -> None:
    assert found.shape == expected.shape
    for name in ("data", "indices", "indptr"):
        np.testing.assert_array_equal(getattr(found, name), getattr(expected, name), err_msg=name)


def is_mapped(values: np.ndarray) -> bool:
    while isinstance(values, np.ndarray):
        if isinstance(values, np.memmap):
            return True
        values = values.base
    return False


@every_config
@pytest.mark.parametrize("seed", range(3))
def test_blocks_merge_as_all_rows_at_once(config, seed):
    columns = random_rows(np.random.default_rng(seed))

    found = merge_blocks(in_blocks(columns, 20, 50, 51, 52, 200, 500), config=config)

    assert found.ordered
    assert found.folder is None
    assert_same(found, feedback_merge(*columns, config=config))


@every_config
def test_mapped_columns_hold_the_same(config, mapped):
    columns = random_rows(np.random.default_rng(8))

    found = merge_blocks(in_blocks(columns, 60, 130, 200), config=config, folder=mapped)

    assert all(is_mapped(getattr(found, name)) for name in ("users", "items", "weights", "timestamps", "excludes"))
    assert_same(found, feedback_merge(*columns, config=config))


def test_mapped_files_have_no_name(mapped):
    found = merge_blocks(in_blocks(random_rows(np.random.default_rng(8))), folder=mapped)
    likes = local_likes(found)

    assert is_mapped(found.weights)
    assert is_mapped(likes.data)
    assert list(mapped.iterdir()) == []


def test_few_rows_stay_in_memory(tmp_path):
    found = merge_blocks(in_blocks(random_rows(np.random.default_rng(8))), folder=tmp_path / "never made")

    assert not is_mapped(found.weights)
    assert not (tmp_path / "never made").exists()


def test_no_feedback_gives_no_entries(tmp_path):
    found = merge_blocks([], folder=tmp_path)

    assert len(found) == len(found.user_ids) == len(found.item_ids) == 0
    assert local_likes(found).shape == (0, 0)


def test_people_out_of_order_are_refused():
    first, second = in_blocks(random_rows(np.random.default_rng(1)), 100)

    with pytest.raises(ValueError, match="order of people"):
        merge_blocks([second, first])
    with pytest.raises(ValueError, match="order of people"):
        merge_blocks([first, first])


@every_config
def test_other_weights_are_those_of_a_merge_with_them(config, mapped):
    columns = random_rows(np.random.default_rng(4))
    entries = merge_blocks(in_blocks(columns, 100), config=CONFIGS[1], folder=mapped)

    assert_same(reweigh(entries, config), feedback_merge(*columns, config=config))


def test_entries_without_kinds_cannot_be_weighed_again():
    with pytest.raises(ValueError, match="kinds"):
        reweigh(Interactions.from_columns(np.array([1]), np.array([1])), CONFIGS[0])


@pytest.mark.parametrize("where", ["memory", "files"])
def test_a_selection_is_the_same_in_both_places(mapped, where):
    columns = random_rows(np.random.default_rng(5))
    expected = feedback_merge(*columns)
    found = merge_blocks(in_blocks(columns, 90), folder=mapped if where == "files" else None)
    rng = np.random.default_rng(1)
    mask, positions = rng.random(len(found)) < 0.7, rng.permutation(len(found))[:80]

    for rows in (mask, positions, np.sort(positions), positions[:3], np.zeros(0, np.int64)):
        assert_same(found.take(rows), expected.take(rows))
        assert is_mapped(found.take(rows).weights) == (where == "files" and len(expected.take(rows)) > 50)
    assert found.take(mask).ordered
    assert found.take(np.sort(positions)).ordered
    assert not found.take(positions).ordered


@pytest.mark.parametrize("where", ["memory", "files"])
def test_likes_are_those_of_the_matrix(mapped, where):
    columns = random_rows(np.random.default_rng(6))
    found = merge_blocks(in_blocks(columns, 90), folder=mapped if where == "files" else None)
    # Half of the people, some without a like.
    found = found.take((found.users % 2 == 0) | (found.weights < 0))

    likes = local_likes(found)

    assert is_mapped(likes.data) == (where == "files")
    assert (likes.data.dtype, likes.indices.dtype, likes.indptr.dtype) == (np.float32, np.int32, np.int64)
    assert_same_matrix(likes.rows(0, likes.shape[0]), found.likes())


def test_likes_of_unordered_entries_are_the_same():
    data = feedback_merge(*random_rows(np.random.default_rng(6)))
    shuffled = data.take(np.random.default_rng(0).permutation(len(data)))

    assert not shuffled.ordered
    assert_same(shuffled.sorted(), data)
    assert shuffled.sorted().ordered
    likes = local_likes(shuffled)
    assert_same_matrix(likes.rows(0, likes.shape[0]), data.likes())


@pytest.mark.parametrize("matrix", ["likes", "dislikes", "seen"])
def test_ordered_entries_make_the_same_matrices(matrix):
    data = feedback_merge(*random_rows(np.random.default_rng(7)))
    # Somebody at the end without an entry.
    data = replace(data, user_ids=np.append(data.user_ids, 10**6))

    found, expected = (getattr(entries, matrix)() for entries in (data, replace(data, ordered=False)))

    assert_same_matrix(found, expected)
    assert found.dtype == expected.dtype
    assert found.indices.dtype == expected.indices.dtype


def test_columns_of_ids_say_whether_they_are_in_order():
    people, movies = np.array([1, 1, 2]), np.array([4, 5, 4])

    assert Interactions.from_columns(people, movies).ordered
    assert not Interactions.from_columns(people, movies[::-1]).ordered or movies[::-1].tolist() == [4, 5, 4]
    assert not Interactions.from_columns(people[::-1], movies).ordered
    assert not Interactions.from_columns(people, np.array([5, 4, 4])).ordered
    assert Interactions.from_columns(people[:0], movies[:0]).ordered


@pytest.mark.parametrize("where", ["memory", "files"])
def test_a_block_of_people_has_their_entries(mapped, where):
    columns = random_rows(np.random.default_rng(9))
    data = merge_blocks(in_blocks(columns, 150), folder=mapped if where == "files" else None)
    whole = data.likes()

    for start, stop in [(0, 5), (5, 30), (30, len(data.user_ids)), (4, 4)]:
        block = data.people(start, stop)
        assert block.user_ids.tolist() == data.user_ids[start:stop].tolist()
        assert block.item_ids is data.item_ids
        assert block.ordered
        assert_same_matrix(block.likes(), whole[start:stop])
        assert np.shares_memory(block.weights, data.weights) or start == stop


def test_unordered_entries_have_no_blocks_of_people():
    data = Interactions.from_columns(np.array([2, 1]), np.array([1, 1]))

    with pytest.raises(ValueError, match="sort"):
        data.people(0, 1)
    with pytest.raises(ValueError, match="sort"):
        data.people_at(np.array([0]))


@pytest.mark.parametrize("where", ["memory", "files"])
def test_chosen_people_have_their_entries(mapped, where):
    columns = random_rows(np.random.default_rng(9))
    data = merge_blocks(in_blocks(columns, 150), folder=mapped if where == "files" else None)
    # Somebody without an entry.
    data = data.take(data.users != 4)

    for positions in ([0, 3, 4, 7], [30, 4, 2, 2], [4], []):
        chosen = data.people_at(np.array(positions, np.int64))
        assert chosen.user_ids.tolist() == data.user_ids[positions].tolist()
        assert chosen.users.dtype == np.int32
        assert chosen.ordered
        assert len(chosen.user_ids) == len(positions)
        for matrix in ("likes", "seen"):
            assert_same_matrix(getattr(chosen, matrix)(), getattr(data, matrix)()[np.array(positions, np.int64)])

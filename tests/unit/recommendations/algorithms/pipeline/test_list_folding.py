from dataclasses import replace

import numpy as np
import pytest
from scipy.sparse import csr_array

from recommendations.algorithms.interactions import Interactions
from recommendations.algorithms.model_files import ModelFileError, load_arrays, save_arrays
from recommendations.algorithms.pipeline.list_folding import ListFolder
from recommendations.algorithms.rankers.ensemble import EnsembleConfig, RankingEnsemble

ALONE = EnsembleConfig(als_weight=0, spectral_weight=0, user_knn_weight=0)
ITEMS = np.arange(10, 16)


def feedback(people: list[int], items: list[int], weights: list[float]) -> Interactions:
    return Interactions.from_columns(
        np.array(people, np.int64), np.array(items, np.int64), weights=np.array(weights, np.float32)
    )


@pytest.fixture(scope="module")
def data() -> Interactions:
    rng = np.random.default_rng(3)
    pairs = np.argwhere(rng.random((60, 30)) < 0.3)
    weights = rng.choice([-1.0, 0.7, 1.0], len(pairs), p=[0.2, 0.3, 0.5])
    return feedback(pairs[:, 0].tolist(), (pairs[:, 1] * 3).tolist(), weights.tolist())


@pytest.fixture(scope="module")
def ranker(data) -> RankingEnsemble:
    return RankingEnsemble(ALONE).fit(data.likes())


@pytest.fixture
def chain() -> ListFolder:
    """Six movies, each of which recommends the next."""
    weights = np.eye(6, k=1, dtype=np.float32)
    return ListFolder(ITEMS, csr_array(weights), np.zeros(6, np.float32), 0.0, 0.5)


def test_with_all_weights_lists_are_those_of_the_autoencoder(data, ranker):
    folder = ListFolder.of(ranker, data, kept=1000)

    users, movies, _ = folder.lists(data, 5, data.item_ids)

    (_, positions, _) = next(ranker.recommend(data, 5))
    expected = np.where(positions >= 0, data.item_ids[positions], -1)
    assert users.tolist() == data.user_ids.tolist()
    assert (movies == expected).mean() > 0.97  # Weights are rounded to half precision.


def test_few_weights_take_less_room_and_keep_most_of_a_list(data, ranker):
    whole, cut = ListFolder.of(ranker, data, kept=1000), ListFolder.of(ranker, data, kept=15)

    assert cut.weights.nnz <= 15 * 30 < whole.weights.nnz
    ours, theirs = (folder.lists(data, 5, data.item_ids)[1] for folder in (cut, whole))
    shared = [len(set(a) & set(b)) for a, b in zip(ours.tolist(), theirs.tolist(), strict=True)]
    assert np.mean(shared) > 3


def test_what_a_person_likes_now_decides_their_list(chain):
    _, before, _ = chain.lists(feedback([1], [10], [1.0]), 1, ITEMS)
    _, after, _ = chain.lists(feedback([1, 1], [10, 13], [0.5, 1.0]), 2, ITEMS)

    assert before.tolist() == [[11]]
    assert after.tolist() == [[14, 11]]


def test_a_dislike_lowers_what_is_like_it(chain):
    _, movies, scores = chain.lists(feedback([1, 1, 2, 2], [10, 12, 10, 13], [1.0, -1.0, 1.0, -1.0]), 6, ITEMS)

    by_person = [
        dict(zip(ids, values, strict=True)) for ids, values in zip(movies.tolist(), scores.tolist(), strict=True)
    ]
    assert by_person[0][13] < by_person[1][12]
    assert by_person[0][11] > by_person[0][13]


def test_seen_and_hidden_movies_are_left_out(chain):
    _, movies, scores = chain.lists(feedback([1], [10], [1.0]), 6, np.array([10, 12, 13, 99]))

    assert movies.tolist() == [[12, 13, -1, -1, -1, -1]]
    assert np.isneginf(scores[0, 2:]).all()


def test_a_movie_that_the_model_does_not_know_changes_nothing(chain):
    _, alone, _ = chain.lists(feedback([1], [10], [1.0]), 6, ITEMS)
    _, beside, _ = chain.lists(feedback([1, 1, 2], [10, 99, 5], [1.0, 1.0, 1.0]), 6, ITEMS)

    assert beside[0].tolist() == alone[0].tolist()
    assert len(beside) == 2


def test_a_saved_folder_makes_the_same_lists(data, ranker, tmp_path):
    folder = ListFolder.of(ranker, data, kept=15)

    folder.save(tmp_path / "lists.npz")
    loaded = ListFolder.load(tmp_path / "lists.npz")

    for ours, theirs in zip(loaded.lists(data, 5, data.item_ids), folder.lists(data, 5, data.item_ids), strict=True):
        assert np.array_equal(ours, theirs)


def test_a_model_without_items_makes_empty_lists(chain):
    empty = replace(
        chain, item_ids=ITEMS[:0], weights=csr_array((0, 0), dtype=np.float32), popularity=chain.popularity[:0]
    )

    users, movies, _ = empty.lists(feedback([1], [10], [1.0]), 5, ITEMS)

    assert (users.tolist(), movies.shape) == ([1], (1, 0))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("indices", np.full(5, 9, np.int32)),
        ("popularity", np.zeros(4, np.float32)),
        ("data", np.full(5, np.nan, np.float16)),
        ("settings", np.zeros(3)),
    ],
)
def test_tables_that_do_not_fit_are_refused(chain, tmp_path, name, value):
    path = tmp_path / "lists.npz"
    chain.save(path)
    arrays = load_arrays(path, "list folder")
    save_arrays(path, "list folder", {**arrays, name: value})

    with pytest.raises(ModelFileError, match="no model of lists"):
        ListFolder.load(path)

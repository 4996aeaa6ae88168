import numpy as np
import pytest

from recommendations.algorithms.content.lsa import MovieContent
from recommendations.algorithms.interactions import Interactions
from recommendations.algorithms.likes import Likes
from recommendations.algorithms.listing.query_mixture import MixedSpace
from recommendations.algorithms.mapped import local_likes
from recommendations.algorithms.pipeline.incumbent import Incumbent
from recommendations.algorithms.pipeline.train import NothingToTrainOnError, TrainingConfig, train
from recommendations.algorithms.pipeline.trained_model import ListBlocks
from recommendations.algorithms.rankers.ensemble import EnsembleConfig, RankingEnsemble
from recommendations.algorithms.rankers.next_item import NextItemConfig
from recommendations.algorithms.ratings.fold_in import fold_in, predict_rows

GENRES = ("Crime", "Family")


def two_tastes(people: int = 60, movies: int = 24, seed: int = 0) -> Interactions:
    """Half of the people like the even movies, half the odd ones."""
    rng = np.random.default_rng(seed)
    likes = rng.random((people, movies)) < np.where(np.arange(people)[:, None] % 2 == np.arange(movies) % 2, 0.6, 0.02)
    users, items = np.nonzero(likes)
    return Interactions.from_columns(users + 1, items + 1, ratings=np.full(len(users), 4.5, np.float32))


def catalogue(movies: int) -> list[MovieContent]:
    return [MovieContent(n, f"Movie {n}", genres=(GENRES[n % 2],)) for n in range(movies, 0, -1)]


def test_the_pipeline_beats_popularity_and_reports_its_stages():
    stages: list[tuple[str, float]] = []

    model = train(two_tastes(), catalogue(24), on_progress=lambda *stage: stages.append(stage))

    assert list(dict.fromkeys(name for name, _ in stages)) == list(model.seconds)
    assert [share for _, share in stages] == sorted(share for _, share in stages)
    assert model.metrics["ndcg@10"] > 1.2 * model.metrics["popularity"]["ndcg@10"]
    assert model.movie_ids.tolist() == list(range(1, 25))
    assert model.trained.all()


def test_lists_hold_dataset_ids_of_candidates_of_the_same_taste():
    data = two_tastes()
    model = train(data, catalogue(24))

    ((users, movies, scores),) = model.lists(5, np.arange(1, 21))

    assert users.tolist() == data.user_ids.tolist()
    assert movies.max() <= 20
    seen = set(zip(data.user_ids[data.users].tolist(), data.item_ids[data.items].tolist(), strict=True))
    listed = {(user, movie) for user, row in zip(users.tolist(), movies.tolist(), strict=True) for movie in row}
    assert not seen & listed
    assert (np.diff(scores, axis=1)[(movies >= 0)[:, 1:]] <= 0).all()
    # Person 1 is the first of those who like the first, third… movie.
    assert movies[0][movies[0] >= 0][0] % 2 == 1


def test_lists_of_some_people_are_those_of_everybody():
    data = two_tastes()
    model = train(data, catalogue(24))
    ((users, movies, scores),) = model.lists(5, model.movie_ids)
    # 999 has given no feedback.
    people = np.array([7, 999, 3])

    ((some, own_movies, own_scores),) = model.lists(5, model.movie_ids, people=people)

    assert some.tolist() == [7, 3]
    rows = np.searchsorted(users, some)
    assert np.array_equal(own_movies, movies[rows])
    np.testing.assert_allclose(own_scores, scores[rows], rtol=1e-5)


def test_every_fit_reads_likes_as_asked():
    data, read = two_tastes(), []

    def likes_of(interactions: Interactions) -> Likes:
        read.append(len(interactions))
        return local_likes(interactions)

    live = Incumbent(7, EnsembleConfig(als_weight=0))
    model = train(data, catalogue(24), TrainingConfig(rating=None), incumbent=live, likes_of=likes_of)

    kept = len(data) - model.metrics["held_out"]
    assert read == [kept, kept, len(data)]


def test_lists_of_everybody_are_made_as_asked():
    model = train(two_tastes(), catalogue(24), TrainingConfig(rating=None, evaluated_people=0))
    asked = []

    def everybody_by(ranker: RankingEnsemble, data: Interactions, n: int, candidates: np.ndarray) -> ListBlocks:
        asked.append((ranker, data, n, data.item_ids[candidates].tolist()))
        yield np.array([2]), np.array([[5, -1]], np.int32), np.array([[0.5, -np.inf]], np.float32)

    ((users, movies, _),) = model.lists(2, np.array([6, 9, 99]), everybody_by=everybody_by)

    assert asked == [(model.ranker, model.interactions, 2, [6, 9])]
    assert (users.tolist(), movies.tolist()) == ([3], [[6, -1]])


def test_a_movie_nobody_rated_gets_the_factors_of_its_genre():
    # The catalogue goes on where the feedback ends: 25 is of the odd movies' genre, 26 of the even ones'.
    model = train(two_tastes(), catalogue(26))

    assert model.trained.tolist() == [True] * 24 + [False] * 2
    query = model.query_factors[::2][:5].mean(axis=0)
    assert query @ model.item_factors[24] > query @ model.item_factors[25]


def opinions(people: int = 60, movies: int = 24) -> Interactions:
    """Each person rates two thirds of the movies: 5 for those of their own taste, 2 for the others."""
    users, items = np.nonzero(np.random.default_rng(0).random((people, movies)) < 2 / 3)
    ratings = np.where(users % 2 == items % 2, 5.0, 2.0).astype(np.float32)
    return Interactions.from_columns(users + 1, items + 1, ratings=ratings)


def test_ratings_are_folded_in_for_rated_and_unrated_movies():
    model = train(opinions(), catalogue(26))
    rows = model.rating_factors
    assert rows.shape == (26, 10)

    # A person whom the training has not seen, with the taste of the odd movies: 1, 3, …
    predicted = predict_rows(rows, fold_in(rows[:4], np.array([5.0, 2.0, 5.0, 2.0])))

    assert predicted[4:24:2].min() > predicted[5:24:2].max() + 1
    assert predicted[24] > predicted[25] + 0.3


def test_without_a_rating_model_there_are_no_rating_factors():
    assert train(opinions(), catalogue(24), TrainingConfig(rating=None)).rating_factors is None
    # All ratings are equal.
    assert train(two_tastes(), catalogue(24)).rating_factors is None


def test_feedback_on_movies_outside_the_catalogue_only_trains():
    model = train(two_tastes(), catalogue(10))

    assert len(model.movie_ids) == len(model.content) == len(model.item_factors) == 10
    assert model.trained.all()


@pytest.mark.parametrize(("users", "items"), [([1, 1, 1], [1, 2, 3]), ([1], [1]), ([1, 2], [1, 2])])
def test_very_little_data_trains_without_being_measured(users, items):
    model = train(Interactions.from_columns(np.array(users), np.array(items)), catalogue(4))

    assert model.metrics == {}
    assert model.item_factors.shape == (4, 128)
    assert np.isfinite(model.item_factors).all()
    assert np.isfinite(model.query_factors).all()


def test_nobody_liking_anything_is_nothing_to_train_on():
    disliked = Interactions.from_columns(np.array([1]), np.array([1]), weights=np.array([-1], np.float32))

    with pytest.raises(NothingToTrainOnError, match="nothing to train on"):
        train(disliked, catalogue(2))


def test_the_same_data_gives_the_same_model():
    config = TrainingConfig(evaluated_people=20)
    first, second = (train(two_tastes(), catalogue(26), config) for _ in range(2))

    assert first.metrics == second.metrics
    assert np.array_equal(first.content, second.content)
    assert np.array_equal(first.item_factors, second.item_factors)


def test_factors_of_both_models_are_published_side_by_side_with_their_space(tmp_path):
    config = TrainingConfig(evaluated_people=0, rating=None, next_item=NextItemConfig(dimensions=4, passes=1))
    model = train(two_tastes(), catalogue(26), config)

    queries, items = model.joined_factors()
    model.save(tmp_path)

    assert queries.shape == (26, 128 + 4)
    assert items.shape == (26, 128 + 4 + 1)
    assert np.array_equal(queries[:, :128], model.query_factors)
    assert np.array_equal(items[:, :128], model.item_factors)
    # The two that nobody rated are new to the next-item model.
    assert items[:, 128:].any(axis=1).tolist() == queries[:, 128:].any(axis=1).tolist() == [True] * 24 + [False] * 2
    space, stored = model.next_item.space, MixedSpace.load(tmp_path / "next_item.npz")
    assert {name: table.tolist() for name, table in stored.arrays().items()} == {
        name: table.tolist() for name, table in space.arrays().items()
    }


def test_a_movie_without_few_shot_factors_is_published_without_any():
    config = TrainingConfig(evaluated_people=0, rating=None, next_item=NextItemConfig(dimensions=4, passes=1))
    model = train(two_tastes(), catalogue(24), config)
    model.item_factors[3] = 0

    queries, items = model.joined_factors()

    assert not items[3].any()
    assert not queries[3, 128:].any()


def test_without_a_next_item_model_few_shot_factors_are_published_alone(tmp_path):
    model = train(two_tastes(), catalogue(24), TrainingConfig(evaluated_people=0, rating=None))

    model.save(tmp_path)

    assert [part.shape for part in model.joined_factors()] == [(24, 128), (24, 128)]
    assert not (tmp_path / "next_item.npz").exists()

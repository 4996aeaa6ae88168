"""What every predictor of ratings holds to, and what each does beyond it."""

import numpy as np
import pytest
from surprise import SVD, Dataset, Reader, SVDpp

from recommendations.algorithms.interactions import Interactions
from recommendations.algorithms.measuring.rating_metrics import rmse
from recommendations.algorithms.model_files import ModelFileError
from recommendations.algorithms.ratings.base import BaselineRatings, NoRatingsError, RatingModel
from recommendations.algorithms.ratings.bayesian_mf import ChainConfig
from recommendations.algorithms.ratings.fold_in import RatingFactorsConfig
from recommendations.algorithms.ratings.folded import FoldedRatings
from recommendations.algorithms.ratings.predictor import RatingPredictor, RatingPredictorConfig
from recommendations.algorithms.ratings.surprise_svd import (
    SurpriseSvd,
    SurpriseSvdConfig,
    SurpriseSvdpp,
    SurpriseSvdppConfig,
)

SMALL_SVD = SurpriseSvdConfig(factors=4, epochs=20)
SMALL = RatingPredictorConfig(chain=ChainConfig(factors=3, sweeps=30, burn_in=10), svd=SMALL_SVD)

MODELS = {
    "baseline": BaselineRatings,
    "svd": lambda: SurpriseSvd(SMALL_SVD),
    "svd++": lambda: SurpriseSvdpp(SurpriseSvdppConfig(factors=4, epochs=20)),
    "predictor": lambda: RatingPredictor(SMALL),
    "folded": lambda: FoldedRatings(RatingFactorsConfig(factors=3)),
}


@pytest.fixture(params=list(MODELS))
def model(request) -> RatingModel:
    """Each predictor, not fitted."""
    return MODELS[request.param]()


def rated(users, items, ratings) -> Interactions:
    return Interactions.from_columns(
        np.array(users, np.int64), np.array(items, np.int64), ratings=np.array(ratings, np.float32)
    )


def opinions(seed: int = 0, people: int = 60, movies: int = 40) -> Interactions:
    """Half the people prefer the even movies and half the odd ones, and some movies are better for all, in whole stars.

    Everyone has rated half of the movies. The last person and the last movie have no rating, and one entry has none.
    """
    rng = np.random.default_rng(seed)
    users, items = np.nonzero(rng.random((people, movies)) < 0.5)
    agree = (users % 2) == (items % 2)
    quality = rng.normal(0, 0.6, movies)[items]
    ratings = np.clip(np.round(np.where(agree, 4.0, 2.2) + quality + rng.normal(0, 0.5, len(users))), 1, 5)
    users = np.append(users, people)
    items = np.append(items, movies)
    return rated(users, items, np.append(ratings, np.nan))


def test_there_is_one_prediction_a_pair_on_the_scale_of_the_data(model):
    data = opinions()
    predicted = model.fit(data).predict(data.users, data.items)

    assert predicted.dtype == np.float32
    assert predicted.shape == data.users.shape
    assert (model.scale, predicted.min() >= 1, predicted.max() <= 5) == ((1.0, 5.0), True, True)


def test_it_beats_the_overall_mean_on_held_out_ratings(model):
    data = opinions()
    held = (np.arange(len(data)) % 5 == 0) & ~np.isnan(data.ratings)
    model.fit(data.take(~held))
    actual = data.ratings[held]

    assert rmse(model.predict(data.users[held], data.items[held]), actual) < rmse(
        np.full(len(actual), np.nanmean(data.ratings[~held])), actual
    )


def test_the_unknown_get_damped_means_and_never_the_models_guess(model):
    data = opinions()
    model.fit(data)
    nobody, nothing = len(data.user_ids) - 1, len(data.item_ids) - 1
    mean, means = np.nanmean(data.ratings), model.means

    for unknown in (nobody, -1, 10**9):
        assert model.predict([unknown], [3])[0] == pytest.approx(means.mean + means.items[3], abs=1e-5)
        assert not model.known_user(unknown)
    for unknown in (nothing, -1, 10**9):
        assert model.predict([3], [unknown])[0] == pytest.approx(means.mean + means.users[3], abs=1e-5)
        assert not model.known_item(unknown)
    assert model.predict([nobody], [nothing])[0] == pytest.approx(mean, abs=1e-5)
    assert model.known_user([0, nobody]).tolist() == [True, False]
    assert model.known_item([0, nothing]).tolist() == [True, False]


def test_one_rating_is_enough(model):
    model.fit(rated([7], [9], [4.0]))

    assert model.predict([0, 0, 5], [0, 5, 5]).tolist() == [4.0, 4.0, 4.0]


def test_no_ratings_are_an_error(model):
    for empty in (rated([], [], []), rated([1, 2], [1, 2], [np.nan, np.nan])):
        with pytest.raises(NoRatingsError, match="no ratings"):
            model.fit(empty)
    with pytest.raises(RuntimeError, match="not fitted"):
        model.predict([0], [0])


def test_an_infinite_rating_is_an_error(model):
    with pytest.raises(ValueError, match="infinite"):
        model.fit(rated([1, 2], [1, 2], [np.inf, 3.0]))


def test_pairs_of_different_lengths_fail_and_no_pairs_give_none(model):
    model.fit(opinions())

    assert model.predict([], []).shape == (0,)
    with pytest.raises(ValueError, match="as many"):
        model.predict([1, 2], [1])


def test_a_saved_model_predicts_the_same(model, tmp_path):
    data = opinions()
    path = tmp_path / "model.npz"
    model.fit(data).save(path)
    loaded = type(model).load(path)

    assert loaded.config == model.config
    assert np.array_equal(loaded.predict(data.users, data.items), model.predict(data.users, data.items))
    assert np.array_equal(loaded.known_user([0, -1]), model.known_user([0, -1]))
    assert [entry.name for entry in tmp_path.iterdir()] == ["model.npz"]


def test_a_file_of_another_kind_is_refused(model, tmp_path):
    path = tmp_path / "model.npz"
    other = BaselineRatings() if model.KIND != BaselineRatings.KIND else SurpriseSvd(SMALL_SVD)
    other.fit(opinions()).save(path)

    with pytest.raises(ModelFileError, match="expected a model of kind"):
        type(model).load(path)


def test_the_same_data_gives_the_same_model(model, request):
    data = opinions()
    again = MODELS[request.node.callspec.params["model"]]()

    first = model.fit(data).predict(data.users, data.items)
    assert np.array_equal(first, again.fit(data).predict(data.users, data.items))
    assert np.array_equal(first, model.fit(data).predict(data.users, data.items))


def test_fitting_says_how_far_it_is(model):
    shares: list[float] = []
    model.fit(opinions(), shares.append)

    assert shares == sorted(shares)
    assert 0 <= shares[0] <= shares[-1] == 1.0


@pytest.mark.parametrize("step", [0.5, 0.37])
def test_half_stars_and_odd_scales_are_scales_too(step):
    data = opinions()
    scaled = rated(data.users, data.items, (data.ratings - 1) * step)
    predicted = RatingPredictor(SMALL).fit(scaled).predict(scaled.users, scaled.items)

    assert predicted.min() >= 0
    assert predicted.max() <= np.float32(4 * step)
    assert rmse(predicted[:-1], scaled.ratings[:-1]) < 0.6 * float(np.nanstd(scaled.ratings))


def test_ratings_on_a_continuous_scale_need_no_levels():
    data = opinions()
    noise = np.random.default_rng(1).random(len(data)).astype(np.float32)
    smooth = rated(data.users, data.items, data.ratings + noise)
    model = RatingPredictor(SMALL).fit(smooth)

    assert len(model._chains) == 1
    assert rmse(model.predict(smooth.users, smooth.items)[:-1], smooth.ratings[:-1]) < 0.8


def test_a_rare_rating_level_does_not_hold_the_others_back():
    """A like counts as 4.5: among a hundred thousand whole stars a few of those must not freeze the cut points."""
    data = opinions(people=300)
    ratings = data.ratings.copy()
    ratings[np.flatnonzero(ratings == 4)[:2]] = 4.5
    mixed = RatingPredictor(SMALL).fit(rated(data.users, data.items, ratings))
    plain = RatingPredictor(SMALL).fit(data)

    start, end = (mixed._chains[1].parameters[place] for place in (0, -1))
    assert (np.diff(end) > 0).all()
    assert not np.allclose(start, end, atol=1e-4)
    gap = mixed.predict(data.users, data.items) - plain.predict(data.users, data.items)
    assert np.abs(gap).mean() < 0.1


def test_the_predictor_learns_tastes_that_means_can_not_tell():
    data = opinions()
    held = (np.arange(len(data)) % 5 == 0) & ~np.isnan(data.ratings)
    kept, pairs, actual = data.take(~held), (data.users[held], data.items[held]), data.ratings[held]

    # The noise alone, rounded, has a deviation of about .66; the two tastes one of 1.
    assert rmse(RatingPredictor(SMALL).fit(kept).predict(*pairs), actual) < 0.75
    assert rmse(BaselineRatings().fit(kept).predict(*pairs), actual) > 0.95


@pytest.mark.parametrize(
    ("surprise", "model"),
    [
        (SVD(n_factors=4, random_state=0), SurpriseSvd(SurpriseSvdConfig(factors=4))),
        (SVDpp(n_factors=4, random_state=0), SurpriseSvdpp(SurpriseSvdppConfig(factors=4))),
    ],
)
def test_surprises_numbers_are_surprises_own(surprise, model):
    """The first person has rated every movie, so that Surprise numbers all of them as we do."""
    data = opinions()
    everything = [(0, item, 1.0 + item % 5) for item in range(40)]
    rest = zip(data.users.tolist(), data.items.tolist(), data.ratings.tolist(), strict=True)
    rows = sorted(everything + [row for row in rest if row[0] > 0 and row[1] < 40])
    trainset = Dataset(Reader(rating_scale=(1, 5))).construct_trainset([(*row, None) for row in rows])
    surprise.fit(trainset)
    ours = rated(*zip(*rows, strict=True))
    expected = [surprise.predict(user, item).est for user, item, _ in rows]

    np.testing.assert_allclose(model.fit(ours).predict(ours.users, ours.items), expected, atol=1e-5)


@pytest.mark.parametrize(
    ("config", "values"),
    [
        (ChainConfig, {"factors": 0}),
        (ChainConfig, {"burn_in": 120}),
        (ChainConfig, {"thin": 0}),
        (ChainConfig, {"link_regularization": 0.0}),
        (SurpriseSvdConfig, {"epochs": 0}),
        (SurpriseSvdConfig, {"learning_rate": 0.0}),
        (RatingPredictorConfig, {"svd_weight": 1.0}),
    ],
)
def test_impossible_hyperparameters_are_refused(config, values):
    with pytest.raises(ValueError, match=next(iter(values))):
        config(**values)

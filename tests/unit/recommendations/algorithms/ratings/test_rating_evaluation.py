"""The nightly rating models are measured, and kept only where they beat damped means."""

from dataclasses import replace

import numpy as np
import pytest

from recommendations.algorithms.interactions import Interactions
from recommendations.algorithms.ratings import reading
from recommendations.algorithms.ratings.base import DampedMeans, Ratings
from recommendations.algorithms.ratings.bayesian_mf import ChainConfig
from recommendations.algorithms.ratings.evaluation import MIN_JUDGED, RatingFits, is_refused
from recommendations.algorithms.ratings.fold_in import RatingFactorsConfig, fit_rating_factors
from recommendations.algorithms.ratings.folded import FoldedRatings, fit_rows
from recommendations.algorithms.ratings.predictor import RatingPredictor, RatingPredictorConfig
from recommendations.algorithms.ratings.reading import MIN_RATINGS, RatingReader
from recommendations.algorithms.ratings.surprise_svd import SurpriseSvdConfig
from tests.unit.recommendations.algorithms.ratings.test_rating_models import opinions, rated

SMALL = RatingPredictorConfig(
    chain=ChainConfig(factors=3, sweeps=30, burn_in=10), svd=SurpriseSvdConfig(factors=4, epochs=20)
)
LARGE = replace(SMALL, max_ratings=1000)
FACTORS = RatingFactorsConfig(factors=3)


def scattered(people: int = 300, movies: int = 60) -> Interactions:
    """Ratings that say nothing: whoever rates whatever."""
    rng = np.random.default_rng(0)
    users, items = np.nonzero(rng.random((people, movies)) < 0.5)
    return rated(users, items, rng.integers(1, 6, len(users)))


def fits(data: Interactions, config: RatingPredictorConfig | None = SMALL, held_out: float = 0.1) -> RatingFits | None:
    return RatingFits.of(data, config, FACTORS, held_out=held_out, seed=0)


@pytest.mark.parametrize(("config", "kind"), [(SMALL, RatingPredictor), (LARGE, FoldedRatings)])
def test_models_are_measured_on_ratings_they_have_not_seen(config, kind):
    data = opinions(people=200)
    both = fits(data, config)
    model, figures = both.predictor()
    rows, of_rows = both.rows()

    assert isinstance(model, kind)
    learned = int(model.means.user_counts.sum())
    assert learned + figures["ratings_held_out"] == np.count_nonzero(~np.isnan(data.ratings))
    assert 0.5 < figures["rating_rmse"] < 0.8 < figures["rating_rmse_baseline"]
    assert figures["rating_mae"] < figures["rating_rmse"]
    assert 0.5 < of_rows["rating_factors_rmse"] < 0.8
    assert rows.shape == (len(data.item_ids) + 1, FACTORS.factors + 2)
    assert not {"rating_refusal", "rating_factors_refusal"} & {*figures, *of_rows}


@pytest.mark.parametrize("config", [SMALL, LARGE])
def test_ratings_without_structure_are_not_predicted(config):
    both = fits(scattered(), config)
    model, figures = both.predictor()
    rows, of_rows = both.rows()

    assert model is None
    assert rows is None
    for reason in (figures["rating_refusal"], of_rows["rating_factors_refusal"]):
        assert reason.startswith("not published: the RMSE of 1.4")
    assert {"rating_rmse", "rating_rmse_baseline", "ratings_held_out"} < set(figures)
    assert of_rows["rating_factors_rmse"] > 1.4


def test_each_model_is_judged_on_its_own(monkeypatch):
    """Ordered by chance, the rows are worthless, and the predictor is as good as it was."""
    both = fits(opinions(people=200))
    shuffled = np.random.default_rng(0).permutation(fit_rows(both._reader, FACTORS))
    monkeypatch.setattr("recommendations.algorithms.ratings.evaluation.fit_rows", lambda *arguments: shuffled)

    assert both.predictor()[0] is not None
    rows, figures = both.rows()
    assert rows is None
    assert figures["rating_factors_rmse"] > 1


def test_nothing_is_predicted_where_nothing_can_be():
    alike = rated([1, 1, 2], [1, 2, 1], [1.0, 1.0, 1.0])

    assert fits(opinions(), None) is None
    assert fits(alike) is None
    assert fits(rated([1], [1], [np.nan])) is None
    assert fits(rated([], [], [])) is None


def test_what_nobody_can_judge_is_kept():
    both = fits(rated([1, 2], [1, 1], [4.0, 2.0]), held_out=0.5)
    model, figures = both.predictor()

    assert model.known_user([0, 1]).all()
    assert figures == {}
    rows, figures = both.rows()
    assert rows.shape == (2, FACTORS.factors + 2)
    assert figures == {}


def test_an_infinite_rating_is_an_error():
    with pytest.raises(ValueError, match="infinite"):
        fits(rated([1, 2], [1, 1], [4.0, np.inf]))


def verdict(gain: float, n: int, people: int) -> bool:
    """Whether predictions are refused whose squared error is smaller by ``gain`` on average, and varies."""
    rng = np.random.default_rng(0)
    actual, users = np.zeros(n, np.float32), np.arange(n) % people
    baseline = np.ones(n, np.float32)
    noise = rng.normal(0, 0.5, people)[users]
    worse = noise - noise.mean() - gain
    return is_refused(np.sqrt(1 + np.maximum(worse, -1)).astype(np.float32), baseline, actual, users)


def test_a_gain_counts_where_chance_is_smaller():
    assert not verdict(0.1, 2000, 1000)
    assert verdict(0.0, 2000, 1000)
    assert verdict(-0.1, 2000, 1000)
    # 40 ratings of one person say little more than one.
    assert verdict(0.05, 2000, 50)


def test_a_few_ratings_are_no_ground_for_a_verdict():
    assert verdict(-0.1, MIN_JUDGED, 50)
    assert not verdict(-0.1, MIN_JUDGED - 1, 50)


def test_nan_is_refused():
    actual = np.ones(MIN_JUDGED, np.float32)
    assert is_refused(np.full_like(actual, np.nan), actual, actual, np.arange(MIN_JUDGED))


def shuffled(data: Interactions) -> Interactions:
    return data.take(np.random.default_rng(3).permutation(len(data)))


@pytest.mark.parametrize("order", [lambda data: data, shuffled])
def test_blocks_of_people_hold_all_kept_ratings(order, monkeypatch):
    monkeypatch.setattr(reading, "BLOCK_ROWS", 150)
    data = order(opinions(people=50))
    reader = RatingReader.of(data, 0.1, 0)

    kept = reader.all()
    pairs = {(int(u), int(i)): float(v) for u, i, v in zip(kept.users, kept.items, kept.values, strict=True)}
    blocks = list(reader.blocks())
    read = {
        (start + int(u), int(i)): float(v)
        for start, block in blocks
        for u, i, v in zip(block.users, block.items, block.values, strict=True)
    }
    assert len(blocks) > 3
    assert read == pairs
    assert len(reader) == len(pairs) == np.count_nonzero(~np.isnan(data.ratings)) - len(reader.held)
    held = {(int(data.users[row]), int(data.items[row])) for row in reader.held}
    assert len(held) > 10
    assert not held & set(pairs)


def test_people_with_few_ratings_keep_them():
    data = opinions(people=50)
    reader = RatingReader.of(data, 0.5, 0)
    counts = np.bincount(data.users[~np.isnan(data.ratings)], minlength=len(data.user_ids))
    assert (counts < MIN_RATINGS).any()
    assert (counts[data.users[reader.held]] >= MIN_RATINGS).all()


def test_means_read_in_blocks_are_those_of_all_at_once(monkeypatch):
    monkeypatch.setattr(reading, "BLOCK_ROWS", 150)
    reader = RatingReader.of(shuffled(opinions()), 0.1, 0)
    ours, whole = reader.means(), DampedMeans.fit(reader.all())

    assert ours.mean == pytest.approx(whole.mean)
    for name in ("users", "items", "user_counts", "item_counts"):
        np.testing.assert_allclose(getattr(ours, name), getattr(whole, name), rtol=1e-5, atol=1e-6)


def test_a_limit_below_one_persons_ratings_still_fits():
    config, factors = replace(LARGE, max_ratings=1), replace(FACTORS, max_ratings=1)
    fits = RatingFits.of(opinions(people=50), config, factors, held_out=0.1, seed=0)

    assert np.isfinite(fits.predictor()[1]["rating_rmse"])
    assert np.isfinite(fits.rows()[1]["rating_factors_rmse"])


def test_a_sample_holds_whole_people():
    reader = RatingReader.of(opinions(people=200), 0.1, 0)
    sample = reader.sample(len(reader) // 4, 0)

    assert 0.15 * len(reader) < len(sample) < 0.35 * len(reader)
    assert sample.shape[0] < 80
    assert sorted(np.bincount(sample.users))[0] >= sorted(reader.counts)[1] // 2
    assert set(np.bincount(sample.users).tolist()) <= set(reader.counts.tolist())


def test_others_than_the_sample_are_predicted_as_well():
    """Rows that are fitted on a fifth of the people, folded in for everybody."""
    data = opinions(people=400)
    config = replace(FACTORS, max_ratings=1500)
    both = RatingFits.of(data, LARGE, config, held_out=0.1, seed=0)
    model, figures = both.predictor()

    assert figures["rating_rmse"] < 0.8 < figures["rating_rmse_baseline"]
    assert np.isfinite(model.people).all()
    assert (model.people[model.known_user(np.arange(401))] != 0).any(axis=1).all()


def test_movies_that_the_sample_lacks_get_rows_from_everybody():
    data = opinions(people=200)
    alone = Interactions.from_columns(
        np.append(data.user_ids[data.users], np.arange(150, 180)),
        np.append(data.item_ids[data.items], np.full(30, 99)),
        ratings=np.append(data.ratings, np.full(30, 1.0, np.float32)),
    )
    reader = RatingReader.of(alone, 0.0, 0)
    first = reader.all()
    few = first.users < 100
    sample = Ratings(first.users[few], first.items[few], first.values[few], (100, first.shape[1]))
    place = int(np.searchsorted(alone.item_ids, 99))
    without = fit_rating_factors(sample, FACTORS)[place]
    with_all = fit_rating_factors(sample, FACTORS, lambda: (block for _, block in reader.blocks()))[place]
    assert without[0] > 2.5
    assert with_all[0] < 2


def test_predictions_worse_than_damped_means_say_so(monkeypatch):
    both = fits(opinions(people=200))
    noise = np.random.default_rng(0).normal(0, 1, len(both._reader.held)).astype(np.float32)
    monkeypatch.setattr(RatingPredictor, "predict", lambda self, users, items: both._baseline + noise)

    model, figures = both.predictor()

    assert model is None
    means = f"{figures['rating_rmse_baseline']:.4f}"
    assert f"is not below that of damped means, {means}, by more than chance" in figures["rating_refusal"]
    assert f"({figures['ratings_held_out']:,} ratings held out)" in figures["rating_refusal"]

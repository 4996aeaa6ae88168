import numpy as np
import pytest

from events.kinds import Kind
from recommendations.algorithms.feedback import FeedbackConfig, feedback_merge
from recommendations.algorithms.interactions import Interactions
from recommendations.algorithms.measuring import metrics
from recommendations.algorithms.measuring.splitting import hold_out
from recommendations.algorithms.pipeline.tune import Limits, TooLittleFeedbackError, TunedConfig, _ValidationSplit, tune
from recommendations.algorithms.rankers.als import AlsConfig
from recommendations.algorithms.rankers.ensemble import EnsembleConfig, RankingEnsemble
from recommendations.algorithms.rankers.linear_autoencoder import LinearAutoencoderConfig
from recommendations.algorithms.rankers.spectral_filter import SpectralConfig

DAY = 86_400
SMALL = EnsembleConfig(als=(AlsConfig(factors=4, iterations=3),), spectral=SpectralConfig(rank=4))


@pytest.fixture(scope="module")
def read():
    """60 people of four tastes over 40 items, with dislikes, fair ratings and ages."""
    rng = np.random.default_rng(5)
    rows = []
    for person in range(60):
        taste = person % 4
        odds = np.where(np.arange(40) % 4 == taste, 0.75, 0.12)
        for item in np.flatnonzero(rng.random(40) < odds):
            rating = rng.choice([3.0, 4.0, 5.0]) if item % 4 == taste else rng.choice([1.0, 4.0])
            rows.append((person, item, Kind.RATING.code, rating, int(rng.integers(1, 2000)) * DAY))
    columns = [np.array(column) for column in zip(*rows, strict=True)]

    def merged(config: FeedbackConfig) -> Interactions:
        return feedback_merge(*columns, config=config)

    return merged


def search(read, **options):
    trials = []
    options = {"shipped": TunedConfig(SMALL), "limits": Limits(trials=12, seconds=600), **options}
    return tune(read, on_trial=trials.append, **options), trials


def test_each_trial_is_reported_and_the_best_returned(read):
    result, reported = search(read)

    assert tuple(reported) == result.trials
    assert [trial.number for trial in reported] == list(range(12))
    assert [trial.part for trial in reported][:2] == ["shipped", "autoencoder"]
    assert {trial.part for trial in reported} == {"shipped", "autoencoder", "als", "weights"}
    assert reported[0].value == result.shipped_value
    assert result.best_value == max(trial.value for trial in reported)
    assert {"fair_rating", "age_half_life_days", "regularization"} <= set(reported[2].parameters)


def test_the_same_seed_finds_the_same(read):
    first, _ = search(read, seed=4)
    second, _ = search(read, seed=4)

    assert first.best == second.best
    assert [trial.value for trial in first.trials] == [trial.value for trial in second.trials]


def test_a_configuration_is_replaced_by_one_better_on_two_splits(read):
    poor = EnsembleConfig(
        autoencoder=LinearAutoencoderConfig(regularization=3000.0, target_popularity_exponent=-0.4),
        als=(),
        als_weight=0.0,
        spectral_weight=0.0,
        user_knn_weight=0.0,
        popularity_prior=50.0,
    )

    result, _ = search(read, shipped=TunedConfig(poor))

    assert result.best.ranker.autoencoder != poor.autoencoder
    assert result.best_holdout_value > result.shipped_holdout_value
    assert result.improves


def test_what_was_found_earlier_is_measured_here_too(read):
    incumbent = TunedConfig(SMALL, FeedbackConfig(fair_rating=0.4))

    _, trials = search(read, incumbent=incumbent)

    assert [trial.part for trial in trials][:2] == ["shipped", "incumbent"]


def test_nothing_found_means_that_nothing_pays(read):
    result, trials = search(read, limits=Limits(trials=1, seconds=1e-6))

    assert trials[0].part == "shipped"
    if result.best == TunedConfig(SMALL):
        assert not result.improves
    assert result.shipped_holdout_value > 0


def test_the_bench_measures_what_the_ensemble_itself_would_rank(read):
    shipped = TunedConfig(SMALL, FeedbackConfig(age_half_life_days=365.0))
    split = _ValidationSplit(read, shipped, people=40, seed=2)
    whole = read(shipped.feedback)
    held = hold_out(whole, share=0.1, people=40, seed=2)
    users = np.unique(whole.users[held]).astype(np.int64)
    model = RankingEnsemble(SMALL).fit(whole.take(~held).likes())
    ranked = np.vstack([lists for _, lists, _ in model.recommend(whole.take(~held), 10, users=users)])

    expected = np.nanmean(metrics.ndcg(ranked, whole.take(held).likes()[users], 10))

    assert split.value(shipped) == pytest.approx(expected, abs=1e-4)


def test_people_with_few_likes_are_too_little_to_tune_on():
    def read(config: FeedbackConfig) -> Interactions:
        return Interactions.from_columns(np.array([1, 1, 2]), np.array([1, 2, 1]))

    with pytest.raises(TooLittleFeedbackError, match="nobody has five likes"):
        search(read)


def test_large_data_is_searched_on_a_sample_of_its_people(read):
    everyone, _ = search(read, limits=Limits(trials=1))

    some, _ = search(read, limits=Limits(trials=1, interactions=len(read(FeedbackConfig())) // 3))

    assert 0 < some.people < everyone.people / 2


@pytest.mark.parametrize("wrong", [{"trials": 0}, {"people": 0}, {"seconds": 0.0}, {"interactions": 0}])
def test_limits_that_make_no_sense_are_refused(wrong):
    with pytest.raises(ValueError, match="must be"):
        Limits(**wrong)

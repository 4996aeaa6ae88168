"""Faulty data and a worse configuration: what was live stays, and the row says why."""

from dataclasses import replace

import numpy as np
import pytest

from events.models import Rating
from recommendations.algorithms.pipeline import incumbent, train
from recommendations.algorithms.rankers.ensemble import EnsembleConfig
from recommendations.models import BatchRecommendation, ModelVersion
from recommendations.training import reading
from recommendations.training import services as training

Status = ModelVersion.Status


@pytest.fixture
def live(world, settings) -> ModelVersion:
    """A version of good data, which ranks the two tastes better than popularity; twelve people suffice to judge."""
    settings.GATE_MIN_PEOPLE = 10
    settings.TRAINING_RATING_PREDICTION = settings.TRAINING_NEXT_ITEM = settings.TRAINING_SERVING_VALIDATION = False
    version = training.training_run()
    assert version.status == Status.LIVE
    assert version.metrics["above_popularity"][0] > 0
    return version


def assert_still_live(live: ModelVersion) -> None:
    assert ModelVersion.objects.live().get() == live
    assert BatchRecommendation.objects.filter(version=live).count() == 12


def reason_of_refusal(live: ModelVersion) -> str:
    version = training.training_run()
    assert version.status == Status.REFUSED
    assert_still_live(live)
    return ModelVersion.objects.get(pk=version.pk).refusal


def reason_of_failure(live: ModelVersion) -> str:
    with pytest.raises(training.TrainingError):
        training.training_run()
    assert_still_live(live)
    return ModelVersion.objects.get(status=Status.FAILED).error


def shuffle_movies(world) -> None:
    """Each person keeps their number of ratings and its values, of movies drawn by lot."""
    rng = np.random.default_rng(3)
    movies = [movie.pk for movie in world.movies()]
    for person in world.people:
        values = list(Rating.objects.filter(user=person).values_list("value", flat=True))
        Rating.objects.filter(user=person).delete()
        drawn = rng.choice(movies, len(values), replace=False).tolist()
        Rating.objects.bulk_create(
            Rating(user=person, movie_id=movie, value=value) for movie, value in zip(drawn, values, strict=True)
        )


def read_with(monkeypatch, **columns) -> None:
    """In the first block, trainings read these columns instead of the stored ones."""
    found, *rest = reading.training_data_blocks()
    changed = replace(found, **{name: change(getattr(found, name)) for name, change in columns.items()})
    monkeypatch.setattr(reading, "training_data_blocks", lambda: (block for block in [changed, *rest]))


def test_shuffled_data_is_refused(world, live):
    shuffle_movies(world)

    reason = reason_of_refusal(live)

    assert "lead over popularity is lost" in reason
    assert f"of version {live.pk}, which is live" in reason


def test_halved_data_is_refused(world, live):
    Rating.objects.filter(user__in=world.people[::2]).delete()

    assert "42 interactions against 84" in reason_of_refusal(live)


def test_emptied_data_fails_with_its_reason(world, live):
    Rating.objects.all().delete()

    assert "nothing to train on" in reason_of_failure(live)


def test_ratings_that_are_nan_fail_with_their_number(live, monkeypatch):
    read_with(monkeypatch, ratings=lambda values: np.where(np.arange(len(values)) < 3, np.nan, values))

    assert "3 of 84 ratings are not from 0.5 to 5 (3 are NaN)" in reason_of_failure(live)


def test_a_model_of_nan_fails_before_it_is_written(live, monkeypatch):
    real = training.train

    def broken(*args, **options):
        model = real(*args, **options)
        model.item_factors[2, 0] = np.inf
        return model

    monkeypatch.setattr(training, "train", broken)

    assert "the item factors of 1 of 16 movies are not finite" in reason_of_failure(live)
    assert set(BatchRecommendation.objects.values_list("version", flat=True)) == {live.pk}


def train_with(monkeypatch, **ranker) -> None:
    """Later trainings have these hyperparameters of the ensemble."""
    config = training.training_config()
    changed = replace(config, ranker=replace(config.ranker, **ranker))
    monkeypatch.setattr(training, "training_config", lambda: changed)


def test_a_worse_configuration_is_refused(live, monkeypatch):
    # Everybody gets what is popular, in the same order.
    train_with(monkeypatch, popularity_prior=1e9)

    reason = reason_of_refusal(live)

    assert f"ranks worse than version {live.pk}, which is live" in reason
    assert "95% interval of the difference -" in reason


def test_another_configuration_of_the_same_quality_passes(live, monkeypatch):
    train_with(monkeypatch, dislike_strength=0.45)

    version = training.training_run()

    assert (version.status, version.refusal) == (Status.LIVE, "")
    measured = version.metrics["live"]
    assert measured["version"] == live.pk
    assert measured["ndcg@10"] == pytest.approx(version.metrics["ndcg@10"], rel=0.05)
    low, high = version.metrics["above_live"]
    assert low <= 0 <= high


def test_other_weights_of_feedback_are_the_live_versions(live, monkeypatch):
    config = training.training_config()
    changed = replace(config, feedback=replace(config.feedback, age_half_life_days=90.0))
    monkeypatch.setattr(training, "training_config", lambda: changed)

    version = training.training_run()

    assert version.metrics["live"]["version"] == live.pk
    assert version.metrics["live"]["ndcg@10"] == live.metrics["ndcg@10"]


def test_the_same_configuration_is_not_fitted_again(live, monkeypatch):
    fitted: list[EnsembleConfig] = []
    real = incumbent.ranked_lists

    def counted(ranker, *args):
        fitted.append(ranker)
        return real(ranker, *args)

    for module in (incumbent, train):
        monkeypatch.setattr(module, "ranked_lists", counted)

    version = training.training_run()

    assert version.metrics["live"] == {"version": live.pk, "same_configuration": True}
    assert "above_live" not in version.metrics
    assert len(fitted) == 1


@pytest.mark.parametrize("stored", [{}, {"ranker": {"odd": 1}, "feedback": {}}])
def test_an_unreadable_live_configuration_is_not_compared(live, monkeypatch, stored):
    ModelVersion.objects.filter(pk=live.pk).update(hyperparameters=stored)

    version = training.training_run()

    assert version.status == Status.LIVE
    assert "live" not in version.metrics


def test_the_setting_turns_the_comparison_off(live, settings, monkeypatch):
    settings.GATE_MAX_WORSE = settings.GATE_MAX_LOST_LEAD = 1.0
    train_with(monkeypatch, popularity_prior=1e9)

    version = training.training_run()

    assert version.status == Status.LIVE
    assert "live" not in version.metrics

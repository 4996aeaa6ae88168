"""The choice of the parameters of serving, on made-up models of which the right choice is known."""

from dataclasses import replace

import numpy as np
import pytest

from recommendations.algorithms.configs import config_from_json
from recommendations.algorithms.interactions import Interactions
from recommendations.algorithms.listing.serving_parameters import ServingParameters
from recommendations.algorithms.measuring.splitting import split_at
from recommendations.algorithms.pipeline import serving_simulator, serving_validation
from recommendations.algorithms.pipeline.serving_simulator import ServingSimulator
from recommendations.algorithms.pipeline.serving_tasks import first_like_tasks, followed_tasks
from recommendations.algorithms.pipeline.serving_validation import (
    ServingValidationConfig,
    choose_serving,
    published_lists,
)
from recommendations.algorithms.pipeline.train import TrainingConfig, train
from recommendations.algorithms.pipeline.trained_model import TrainedModel
from recommendations.algorithms.rankers.next_item import NextItemConfig
from recommendations.algorithms.rankers.popularity import PopularityConfig
from recommendations.evaluation.protocols.cold_movies import interactions_from_ratings
from recommendations.evaluation.protocols.data import read_contents, read_ratings
from tests.evaluation.small import metadata_csv, movielens_zip

SMALL = TrainingConfig(evaluated_people=0, rating=None, next_item=NextItemConfig(dimensions=8, passes=1))
CHOSEN = replace(SMALL, serving_validation=ServingValidationConfig(people=40))


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    path = movielens_zip(folder)
    return interactions_from_ratings(read_ratings(path)[1]), read_contents(path, metadata_csv(folder))


def _fit(data, seen: list[Interactions]):
    def fit(older: Interactions) -> TrainedModel:
        seen.append(older)
        return train(older, data[1], SMALL)

    return fit


def test_the_model_of_the_choice_has_read_nothing_that_is_asked_for(data):
    seen: list[Interactions] = []
    choice = choose_serving(
        data[0], _fit(data, seen), popularity=PopularityConfig(), config=ServingValidationConfig(people=40)
    )

    assert choice is not None
    assert seen[0].timestamps.max() <= np.quantile(data[0].timestamps, 0.8)
    assert choice.facts["people"] > 0
    assert choice.facts["ndcg@10"] >= choice.facts["ndcg@10 before"]


def test_the_same_data_gives_the_same_choice(data):
    choices = [train(*data, CHOSEN) for _ in range(2)]
    assert choices[0].serving == choices[1].serving
    assert choices[0].metrics["serving"] == choices[1].metrics["serving"]


def test_the_choice_is_stored_with_the_model_and_can_be_read_again(data):
    model = train(*data, CHOSEN)
    assert model.serving is not None
    assert config_from_json(ServingParameters, model.serving.as_dict()) == model.serving
    assert "validating serving" in model.seconds


def test_without_a_validation_nothing_is_chosen(data):
    model = train(*data, SMALL)
    assert model.serving is None
    assert "serving" not in model.metrics


def test_data_without_times_is_served_with_the_defaults(data):
    untimed = replace(data[0], timestamps=np.zeros(len(data[0]), np.int64))
    assert train(untimed, data[1], CHOSEN).serving is None


def test_many_lists_at_once_are_those_made_one_by_one(data, monkeypatch):
    monkeypatch.setattr(serving_simulator, "_BLOCK", 7)
    model = train(*data, SMALL)
    moment, _ = split_at(data[0].timestamps, share=0.2)
    tasks = [
        *followed_tasks(data[0], moment, model.movie_ids, people=20),
        *first_like_tasks(data[0], 0, model.movie_ids, people=10),
    ]
    lists = published_lists(model, tasks)
    batches = [lists.get(task.person) if task.known else None for task in tasks]
    simulator = ServingSimulator.from_model(model, PopularityConfig())

    together = simulator.recommend_all(tasks, batches, 10)

    assert len(tasks) > 14
    assert any(batches)
    assert not all(batches)
    for task, batch, own in zip(tasks, batches, together.tolist(), strict=True):
        alone = simulator.recommend(
            task.signals.tolist(),
            task.ratings.tolist(),
            task.seen,
            10,
            batch=batch,
            newer=task.newer,
            kinds=task.kinds,
            timestamps=task.timestamps,
        )
        assert own == alone.tolist()


def test_large_data_is_sampled_by_person(data):
    seen: list[Interactions] = []
    choose_serving(
        data[0],
        _fit(data, seen),
        popularity=PopularityConfig(),
        config=ServingValidationConfig(people=40, max_interactions=300),
    )
    counts = np.bincount(data[0].users)
    present = np.unique(seen[0].users)
    assert 0 < len(present) < len(counts)
    assert counts[present].sum() <= 300


# The choices that affect everybody.
EVERYBODY = ("next-item share", "directions", "half-life")
FEW = ServingValidationConfig(min_people=4)


class _Scripted:
    """Stands for measured parameters: each person's value is the one that ``worth`` gives."""

    def __init__(self, worth):
        self.tasks = [None] * 8
        self.has_batch = np.arange(8) < 4
        self._worth = worth
        self.measured: list[np.ndarray] = []

    def values(self, parameters, chosen):
        self.measured.append(chosen)
        return np.where(chosen, self._worth(parameters), np.nan)

    def by_person(self, values):
        return values


def test_a_change_that_helps_everybody_is_taken():
    trial = _Scripted(lambda parameters: np.full(8, parameters.mixture.half_share_signals == 2.0, float))
    choice = serving_validation.search(trial, FEW)
    assert choice.parameters.mixture.half_share_signals == 2.0
    assert choice.parameters.realtime == ServingParameters().realtime
    assert choice.facts["next-item share"] == 1.0


def test_a_gain_within_its_standard_error_changes_nothing():
    noise = np.array([1.0, -0.9, 1.0, -0.9, 1.0, -0.9, 1.0, -0.9])
    trial = _Scripted(lambda parameters: noise * (parameters.mixture.half_share_signals == 2.0))
    choice = serving_validation.search(trial, FEW)
    assert choice.parameters == serving_validation.START


def test_weights_of_the_layers_that_help_known_people_are_taken():
    known = np.arange(8) < 4
    trial = _Scripted(lambda parameters: known * float(parameters.blend.batch == 0.3))
    choice = serving_validation.search(trial, FEW)
    assert (choice.parameters.blend.batch, choice.parameters.blend.realtime) == (0.3, 0.7)


def test_only_the_lists_that_a_choice_affects_are_made():
    trial = _Scripted(lambda parameters: np.zeros(8))
    serving_validation.search(trial, FEW)
    made = {tuple(chosen.tolist()) for chosen in trial.measured}
    assert made == {(True,) * 8, tuple(trial.has_batch.tolist()), tuple((~trial.has_batch).tolist())}


@pytest.mark.parametrize(
    ("field", "value"),
    [("later_share", 1.0), ("people", 1), ("min_people", 0), ("max_interactions", 0), ("standard_errors", -1.0)],
)
def test_a_validation_that_cannot_be_is_refused(field, value):
    with pytest.raises(ValueError, match=field):
        ServingValidationConfig(**{field: value})


def test_an_exponent_of_popularity_out_of_range_is_refused():
    with pytest.raises(ValueError, match="popularity_rating_exponent"):
        ServingParameters(popularity_rating_exponent=21.0)

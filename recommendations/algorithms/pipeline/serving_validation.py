"""Chooses how a model is served, by validation on the data at hand.

A model of the same kind is trained on the older interactions and followed over the newer ones, as serving would. The
parameters are chosen one after the other; a change must gain more than its standard error, because small data would
otherwise choose what it got by chance.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from events.weights import EventWeights
from recommendations.algorithms.interactions import Interactions
from recommendations.algorithms.listing.blending import LIST_SIZE, BlendConfig
from recommendations.algorithms.listing.scoring import ScoredItems
from recommendations.algorithms.listing.serving_parameters import ServingParameters
from recommendations.algorithms.measuring import metrics
from recommendations.algorithms.measuring.splitting import sample_people, split_at
from recommendations.algorithms.pipeline.serving_simulator import ServingSimulator
from recommendations.algorithms.pipeline.serving_tasks import ServingTask, first_like_tasks, followed_tasks
from recommendations.algorithms.pipeline.trained_model import TrainedModel
from recommendations.algorithms.rankers.popularity import PopularityConfig

MEASURED_AT = 10
# For known people in two windows of each of three data sets, these weights beat each layer alone or are level; the
# constants lose in some.
START = ServingParameters(blend=BlendConfig(batch=0.5, realtime=0.5, newer_decay=0.5))

Fit = Callable[[Interactions], TrainedModel]
# Called with the share of the choice that is done, 0 to 1.
OnShare = Callable[[float], None]


@dataclass(frozen=True, slots=True)
class ServingValidationConfig:
    """How serving is validated."""

    # The share of the interactions, by time, that is followed.
    later_share: float = 0.2
    # At most this number of people is followed, half of them known; at most half as many get first lists.
    people: int = 400
    # A choice that affects fewer people is not made: the gains of a few vary too little to tell their standard error.
    min_people: int = 10
    # People are drawn until they have this number of interactions: it bounds the time for large data.
    max_interactions: int = 400_000
    # A change must gain this number of its standard errors.
    standard_errors: float = 2.0

    def __post_init__(self) -> None:
        if not 0 < self.later_share < 1:
            raise ValueError(f"later_share must be between 0 and 1, not {self.later_share}.")
        if self.people < 2:
            raise ValueError(f"people must be 2 or more, not {self.people}.")
        for name in ("min_people", "max_interactions"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be 1 or more, not {getattr(self, name)}.")
        if self.standard_errors < 0:
            raise ValueError(f"standard_errors must be 0 or more, not {self.standard_errors}.")


@dataclass(frozen=True, slots=True)
class ServingChoice:
    """parameters: the best found; facts: what was measured, ready for JSON."""

    parameters: ServingParameters
    facts: dict[str, Any]


def choose_serving(
    interactions: Interactions,
    fit: Fit,
    *,
    popularity: PopularityConfig,
    config: ServingValidationConfig,
    weights: EventWeights | None = None,
    seed: int = 0,
    on_share: OnShare = lambda share: None,
) -> ServingChoice | None:
    """Choose the parameters of serving; None where the data cannot be split by time, or nobody likes anything later.

    fit: trains a model of the kind that is to be served; weights: what each kind of signal weighs when it is. The same
    input gives the same choice.
    """
    sample = sample_people(interactions, config.max_interactions, seed)
    try:
        moment, later = split_at(sample.timestamps, share=config.later_share)
    except ValueError:
        return None
    if not (sample.weights[~later] > 0).any():
        return None
    model = fit(sample.take(~later))
    on_share(0.5)
    half = config.people // 2
    tasks = [
        *followed_tasks(sample, moment, model.movie_ids, people=config.people, seed=seed),
        *first_like_tasks(sample, moment, model.movie_ids, people=half, seed=seed),
    ]
    if not tasks:
        return None
    return search(_Trial(model, popularity, tasks, weights), config, on_share)


def published_lists(model: TrainedModel, tasks: Sequence[ServingTask]) -> dict[int, ScoredItems]:
    """The nightly lists of the people of the tasks, by user id; items are positions in the catalogue."""
    lists = {}
    people = np.unique(np.array([task.person for task in tasks], np.int64))
    for users, movies, scores in model.lists(LIST_SIZE, model.movie_ids, people=people):
        for user, own, values in zip(users.tolist(), movies, scores, strict=True):
            real = own >= 0
            lists[user] = ScoredItems(np.searchsorted(model.movie_ids, own[real]), values[real].astype(np.float64))
    return lists


class _Trial:
    """Measures parameters on tasks. The model is fixed."""

    def __init__(
        self,
        model: TrainedModel,
        popularity: PopularityConfig,
        tasks: Sequence[ServingTask],
        weights: EventWeights | None = None,
    ) -> None:
        self.tasks = list(tasks)
        self._model, self._popularity, self._weights = model, popularity, weights
        lists = published_lists(model, self.tasks)
        # The data may name people of whom the training has read nothing: they have no nightly list.
        self._batch = [lists.get(task.person) if task.known else None for task in self.tasks]
        self.has_batch = np.array([batch is not None for batch in self._batch])
        # Followed people and first lists are two questions, so they weigh the same.
        self._groups = np.unique([(task.person, task.step < 0) for task in self.tasks], axis=0, return_inverse=True)[1]
        people = [task.person for task in self.tasks]
        firsts = np.unique(self._groups, return_index=True)[1]
        self._people = np.unique(np.array(people)[firsts], return_inverse=True)[1]

    def values(self, parameters: ServingParameters, chosen: NDArray[np.bool_]) -> NDArray[np.float64]:
        """nDCG@10 of the chosen tasks, NaN for the others, float64 (tasks,)."""
        simulator = ServingSimulator.from_model(self._model, self._popularity, parameters, self._weights)
        rows = np.flatnonzero(chosen)
        tasks, batches = [self.tasks[row] for row in rows], [self._batch[row] for row in rows]
        lists = simulator.recommend_all(tasks, batches, MEASURED_AT)
        out = np.full(len(self.tasks), np.nan)
        out[rows] = metrics.ndcg(lists, relevant_matrix(tasks, self._width), MEASURED_AT)
        return out

    @property
    def _width(self) -> int:
        return len(self._model.movie_ids)

    def by_person(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """The mean of each person's questions, each the mean of its tasks. (people,)."""
        means = np.bincount(self._groups, values) / np.bincount(self._groups)
        by_person: NDArray[np.float64] = np.bincount(self._people, means) / np.bincount(self._people)
        return by_person


def relevant_matrix(tasks: Sequence[ServingTask], movies: int) -> csr_array:
    """Ones at each task's relevant positions, csr (tasks, movies)."""
    indptr = np.concatenate([[0], np.cumsum([len(task.relevant) for task in tasks])])
    indices = np.concatenate([task.relevant for task in tasks]) if tasks else np.zeros(0, np.int64)
    return csr_array((np.ones(len(indices), np.float32), indices, indptr), shape=(len(tasks), movies))


def search(trial: _Trial, config: ServingValidationConfig, on_share: OnShare = lambda share: None) -> ServingChoice:
    """Choose the parameters in turn, beginning with START, each with the best of those before it."""
    everyone = np.ones(len(trial.tasks), np.bool_)
    parameters = START
    values = trial.values(parameters, everyone)
    before = trial.by_person(values)
    facts: dict[str, Any] = {
        "people": len(before),
        "lists": len(values),
        "ndcg@10 before": round(float(before.mean()), 5),
    }
    for number, choice in enumerate(_CHOICES):
        affected = everyone if choice.of_known is None else trial.has_batch == choice.of_known
        # A person's mean is above 0 if any of their tasks is affected.
        if np.count_nonzero(trial.by_person(affected.astype(np.float64))) >= config.min_people:
            best, best_values, best_gain = parameters, values, 0.0
            for candidate in choice.candidates(parameters):
                found = np.where(affected, trial.values(candidate, affected), values)
                gains = trial.by_person(found) - trial.by_person(values)
                error = float(gains.std()) / len(gains) ** 0.5
                if gains.mean() > max(best_gain, config.standard_errors * error):
                    best, best_values, best_gain = candidate, found, float(gains.mean())
            parameters, values = best, best_values
            facts[choice.name] = round(best_gain, 5)
        on_share(0.5 + 0.5 * (number + 1) / len(_CHOICES))
    facts["ndcg@10"] = round(float(trial.by_person(values).mean()), 5)
    return ServingChoice(parameters, facts)


# batch, newer_decay and batch_floor of BlendConfig.
_LAYERS = ((0.7, 2.0, 0.15), (0.5, 2.0, 0.15), (0.3, 0.0, 1.0))


def _layers(now: ServingParameters) -> Iterator[ServingParameters]:
    for batch, decay, floor in _LAYERS:
        blend = replace(now.blend, batch=batch, realtime=round(1 - batch, 6), newer_decay=decay, batch_floor=floor)
        yield replace(now, blend=blend)


def _exponents(now: ServingParameters) -> Iterator[ServingParameters]:
    for exponent in (1.0, 2.0, 3.0, 4.0, 6.0):
        yield replace(now, popularity_rating_exponent=exponent)


def _priors(now: ServingParameters) -> Iterator[ServingParameters]:
    for prior in (1.0, 2.0, 4.0, 6.0, 8.0):
        yield replace(now, blend=replace(now.blend, popularity_prior=prior))


def _shares(now: ServingParameters) -> Iterator[ServingParameters]:
    for signals in (2.0, 5.0, 10.0, 20.0):
        yield replace(now, mixture=replace(now.mixture, half_share_signals=signals))


def _half_lives(now: ServingParameters) -> Iterator[ServingParameters]:
    for half_life in (3.0, 5.0, 10.0):
        yield replace(now, realtime=replace(now.realtime, recency_half_life=half_life))


def _directions(now: ServingParameters) -> Iterator[ServingParameters]:
    for directions, per_signal in ((4, 1), (8, 2), (16, 4)):
        yield replace(now, realtime=replace(now.realtime, directions=directions, directions_per_signal=per_signal))


@dataclass(frozen=True, slots=True)
class _Choice:
    """One choice: its candidates, and whom it affects: people with a nightly list or without, None for everyone."""

    name: str
    candidates: Callable[[ServingParameters], Iterator[ServingParameters]]
    of_known: bool | None = None


_CHOICES = (
    _Choice("popularity", _exponents, of_known=False),
    _Choice("next-item share", _shares),
    _Choice("directions", _directions),
    _Choice("half-life", _half_lives),
    _Choice("popularity prior", _priors, of_known=False),
    _Choice("layers", _layers, of_known=True),
)

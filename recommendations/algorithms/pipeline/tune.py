"""The search for the ranker's hyperparameters, on a validation split cut from the training data.

Tree-structured Parzen estimators (J. Bergstra et al., NeurIPS 2011; Optuna) propose the autoencoder's parameters and
the weights of feedback, then the parameters of ALS. Each proposal is measured in the blend with the other members,
whose scores are computed once. The weights of the members are learned last, by coordinate ascent. The result is
compared with the shipped configuration on a second split that the search never read, because the best of many trials
looks better than it is on the split that selected it. The search never reads test data.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from typing import Any, Literal, cast

import numpy as np
import optuna
from numpy.typing import NDArray
from scipy.sparse import csr_array

from recommendations.algorithms.feedback import FeedbackConfig
from recommendations.algorithms.interactions import Interactions
from recommendations.algorithms.measuring import metrics
from recommendations.algorithms.measuring.splitting import hold_out, sample_people
from recommendations.algorithms.rankers.als import AlsConfig, ImplicitAls
from recommendations.algorithms.rankers.base import Ranker
from recommendations.algorithms.rankers.ensemble import (
    EnsembleConfig,
    RankingEnsemble,
    split_head,
    standardise,
    z_scores,
)
from recommendations.algorithms.rankers.linear_autoencoder import LinearAutoencoder, LinearAutoencoderConfig
from recommendations.algorithms.rankers.spectral_filter import SpectralFilter
from recommendations.algorithms.rankers.user_knn import UserKNN
from recommendations.algorithms.sparse import column_counts, row_counts
from recommendations.algorithms.top_n import top_n

# Evaluations hold out a fifth. That leaves less to learn from, so a ridge that is too strong wins.
HELD_OUT = 0.1
MEASURED_AT = 10
# A part's search ends after this share of the time, even if trials are left.
_AUTOENCODER_UNTIL, _ALS_UNTIL = 0.6, 0.9
_AUTOENCODER_TRIALS = 0.65
_STEPS = (0.5, 0.8, 1.25, 2.0, 0.0)
_ROUNDS = 2
_WEIGHTS = ("als_weight", "spectral_weight", "user_knn_weight", "popularity_prior")
_HALF_LIVES = (None, 90.0, 365.0, 1460.0)

Part = Literal["shipped", "incumbent", "autoencoder", "als", "weights"]
# Reads the feedback as a configuration weights it: always the same entries in the same order, with the same signs.
ReadFeedback = Callable[[FeedbackConfig], Interactions]


class TooLittleFeedbackError(ValueError):
    """Nobody has enough likes to hold some out."""


@dataclass(frozen=True, slots=True)
class TunedConfig:
    """The hyperparameters that tuning finds and the nightly training uses."""

    ranker: EnsembleConfig = field(default_factory=EnsembleConfig)
    feedback: FeedbackConfig = field(default_factory=FeedbackConfig)

    def as_dict(self) -> dict[str, Any]:
        """The hyperparameters, ready for JSON; ``configs.config_from_json`` reads them."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits of a search: it ends after ``trials`` or ``seconds``, whichever comes first. people: maximum measured.

    interactions: of randomly drawn people that have at most this number together; it bounds the time of each trial.
    """

    trials: int = 30
    seconds: float = 1200.0
    people: int = 2000
    interactions: int = 2_000_000

    def __post_init__(self) -> None:
        if min(self.trials, self.people, self.interactions) < 1:
            raise ValueError("trials, people and interactions must be 1 or more.")
        if not self.seconds > 0:
            raise ValueError("seconds must be above 0.")


@dataclass(frozen=True, slots=True)
class Trial:
    """One configuration that was measured. value: nDCG@10 on the validation split; None where fitting failed."""

    number: int
    part: Part
    parameters: dict[str, Any]
    value: float | None
    seconds: float


@dataclass(frozen=True, slots=True)
class TuningResult:
    """``best`` is the result of the search; all values are nDCG@10 over the measured people."""

    best: TunedConfig
    trials: tuple[Trial, ...]
    people: int
    shipped_value: float
    best_value: float
    # The same two on the second split, which the search never read.
    shipped_holdout_value: float
    best_holdout_value: float

    @property
    def improves(self) -> bool:
        """Whether the best configuration beats the shipped one on both splits."""
        return self.best_value > self.shipped_value and self.best_holdout_value > self.shipped_holdout_value


def tune(
    read: ReadFeedback,
    *,
    shipped: TunedConfig,
    incumbent: TunedConfig | None = None,
    limits: Limits | None = None,
    seed: int = 0,
    on_trial: Callable[[Trial], None] = lambda trial: None,
) -> TuningResult:
    """Search from ``shipped``, or from ``incumbent`` (found earlier) if that is better on this data.

    on_trial is called with each trial as it ends. The same data, seed and number of trials give the same result.
    Raises TooLittleFeedbackError.
    """
    limits = limits or Limits()
    read = _of_sample(read, limits.interactions, seed)
    search = _Search(_ValidationSplit(read, shipped, limits.people, seed), limits, on_trial)
    shipped_value = search.measure("shipped", shipped, {})
    if shipped_value is None:
        raise TooLittleFeedbackError("the shipped configuration cannot be fitted on this data")
    if incumbent is not None and incumbent != shipped:
        search.measure("incumbent", incumbent, {})
    search.autoencoder(seed)
    search.als(seed)
    search.weights()
    best, best_value = search.best, search.best_value
    holdout = _holdout_values(read, shipped, best, limits.people, seed + 1)
    return TuningResult(
        best, tuple(search.trials), search.split.people, shipped_value, best_value, holdout[0], holdout[1]
    )


def _of_sample(read: ReadFeedback, most: int, seed: int) -> ReadFeedback:
    """Reads whole people with at most this number of interactions, the same ones each time."""

    def read_sample(feedback: FeedbackConfig) -> Interactions:
        return sample_people(read(feedback), most, seed)

    return read_sample


def _hold_out_likes(
    read: ReadFeedback, shipped: TunedConfig, people: int, seed: int
) -> tuple[Interactions, NDArray[np.bool_]]:
    interactions = read(shipped.feedback)
    held = hold_out(interactions, share=HELD_OUT, people=people, seed=seed)
    if not held.any():
        raise TooLittleFeedbackError("nobody has five likes, so there is nothing to tune on")
    return interactions, held


def _holdout_values(
    read: ReadFeedback, shipped: TunedConfig, best: TunedConfig, people: int, seed: int
) -> tuple[float, float]:
    """nDCG@10 of both configurations on a second split, by the ensemble itself."""
    interactions, held = _hold_out_likes(read, shipped, people, seed)
    users = np.unique(interactions.users[held]).astype(np.int64)
    relevant = interactions.take(held).likes()[users]
    values = []
    for config in dict.fromkeys((shipped, best)):
        kept = read(config.feedback).take(~held)
        model = RankingEnsemble(config.ranker).fit(kept.likes())
        ranked = np.vstack([positions for _, positions, _ in model.recommend(kept, MEASURED_AT, users=users)])
        values.append(float(np.nanmean(metrics.ndcg(ranked, relevant, MEASURED_AT))))
    return values[0], values[-1]


class _ValidationSplit:
    """The validation split, and the nDCG@10 of configurations on it. Caches the members' standardised scores."""

    def __init__(self, read: ReadFeedback, shipped: TunedConfig, people: int, seed: int) -> None:
        self._read = read
        interactions, self._held_out = _hold_out_likes(read, shipped, people, seed)
        self._users = np.unique(interactions.users[self._held_out]).astype(np.int64)
        self.people = len(self._users)
        kept = interactions.take(~self._held_out)
        # Without the tail: what tunes the head tunes its regression.
        self._items = split_head(column_counts(kept.likes()), shipped.ranker.max_items)[0]
        # Members other than the autoencoder use which items were liked, not how strongly.
        self._likes = kept.likes()[:, self._items]
        self._measured_likes = self._likes[self._users]
        self._seen = kept.seen()[self._users][:, self._items].nonzero()
        self._relevant = interactions.take(self._held_out).likes()[self._users]
        self._counts = row_counts(self._measured_likes)
        self._popularity = z_scores(column_counts(self._likes))
        self._members: dict[Any, NDArray[np.float32]] = {}
        self._autoencoder: tuple[Any, tuple[NDArray[np.float32], NDArray[np.float32] | None]] | None = None
        rated = interactions.ratings[~np.isnan(interactions.ratings)]
        self.has_fair_ratings = bool(((rated >= 2.75) & (rated < 3.75)).any())
        times = interactions.timestamps[interactions.timestamps > 0]
        self.has_ages = bool(len(times)) and int(times.max() - times.min()) > 90 * 86_400

    def value(self, config: TunedConfig) -> float:
        """nDCG@10 of a configuration's blend, over the measured people."""
        ranker = config.ranker
        own, dislike_penalty = self._autoencoder_part(config)
        total = own.copy()
        if dislike_penalty is not None:
            total -= np.float32(ranker.dislike_strength) * dislike_penalty
        total += (ranker.popularity_prior / self._counts**2).astype(np.float32)[:, None] * self._popularity
        for weight, part in self._weighted_members(ranker):
            total += np.float32(weight) * part
        total[self._seen] = -np.inf
        positions, _ = top_n(total, MEASURED_AT)
        ranked = np.where(positions >= 0, self._items[positions], -1)
        return float(np.nanmean(metrics.ndcg(ranked, self._relevant, MEASURED_AT)))

    def evict_als(self, kept: tuple[AlsConfig, ...]) -> None:
        """Drop the cached scores of every factorisation except ``kept``."""
        self._members = {
            key: part for key, part in self._members.items() if not isinstance(key, AlsConfig) or key in kept
        }

    def _weighted_members(self, ranker: EnsembleConfig) -> Iterator[tuple[float, NDArray[np.float32]]]:
        for als in ranker.als if ranker.als_weight else ():
            yield ranker.als_weight, self._member(als, partial(ImplicitAls, als))
        if ranker.spectral_weight:
            yield ranker.spectral_weight, self._member(ranker.spectral, lambda: SpectralFilter(ranker.spectral))
        if ranker.user_knn_weight:
            build = partial(UserKNN, ranker.user_knn, ranker.max_neighbours)
            yield ranker.user_knn_weight, self._member(ranker.user_knn, build)

    def _member(self, key: Any, build: Callable[[], Ranker]) -> NDArray[np.float32]:
        if key not in self._members:
            part = build().fit(self._likes).scores(self._measured_likes)
            standardise(part, self._measured_likes)
            self._members[key] = part
        return self._members[key]

    def _autoencoder_part(self, config: TunedConfig) -> tuple[NDArray[np.float32], NDArray[np.float32] | None]:
        """Standardised scores, and the dislike penalty in the same unit. Caches those of the last configuration."""
        key = (config.ranker.autoencoder, config.feedback)
        if self._autoencoder is None or self._autoencoder[0] != key:
            kept = self._read(config.feedback).take(~self._held_out)
            likes = kept.likes()[:, self._items]
            model = LinearAutoencoder(config.ranker.autoencoder).fit(likes)
            likes_of_measured: csr_array = likes[self._users]
            scores = model.scores(likes_of_measured)
            deviation = standardise(scores, likes_of_measured).deviation
            dislikes = kept.dislikes()[self._users][:, self._items]
            dislike_penalty = model.dislike_penalty(dislikes) / deviation if dislikes.nnz else None
            self._autoencoder = (key, (scores, dislike_penalty))
        return self._autoencoder[1]


class _Search:
    """The best configuration so far, every trial, and the rest of the limits."""

    def __init__(self, split: _ValidationSplit, limits: Limits, on_trial: Callable[[Trial], None]) -> None:
        self.split = split
        self.trials: list[Trial] = []
        self.best = TunedConfig()
        self.best_value = -np.inf
        self._limits = limits
        self._on_trial = on_trial
        self._started = time.monotonic()

    def measure(self, part: Part, config: TunedConfig, parameters: dict[str, Any]) -> float | None:
        """Run one trial; None if the configuration cannot be fitted."""
        started = time.monotonic()
        value: float | None
        try:
            value = self.split.value(config)
        except (np.linalg.LinAlgError, FloatingPointError):
            value = None
        if value is not None and not np.isfinite(value):
            value = None
        if value is not None and value > self.best_value:
            self.best, self.best_value = config, value
        trial = Trial(len(self.trials), part, parameters, value, time.monotonic() - started)
        self.trials.append(trial)
        self._on_trial(trial)
        return value

    def _has_budget(self, trials: float, until: float) -> bool:
        spent = time.monotonic() - self._started
        return len(self.trials) < self._limits.trials * trials and spent < self._limits.seconds * until

    def autoencoder(self, seed: int) -> None:
        """Search the autoencoder's six parameters and the weights of feedback."""
        start = self.best
        study = _study(seed, _autoencoder_parameters(start, self.split))
        while self._has_budget(_AUTOENCODER_TRIALS, _AUTOENCODER_UNTIL):
            trial = study.ask()
            config = _suggest_autoencoder(trial, start, self.split)
            _report_value(study, trial, self.measure("autoencoder", config, trial.params))

    def als(self, seed: int) -> None:
        """Search the regularisation of the factorisations; all share it."""
        start = self.best
        if not (start.ranker.als and start.ranker.als_weight):
            return
        first = start.ranker.als[0]
        names = ("unobserved_weight", "regularization", "exponent")
        study = _study(seed, {name: getattr(first, name) for name in names})
        # One trial is left for the weights.
        while len(self.trials) < self._limits.trials - 1 and self._has_budget(1.0, _ALS_UNTIL):
            trial = study.ask()
            found: dict[str, Any] = {
                "unobserved_weight": trial.suggest_float("unobserved_weight", 0.01, 0.6, log=True),
                "regularization": trial.suggest_float("regularization", 0.001, 0.2, log=True),
                "exponent": trial.suggest_float("exponent", 0.5, 1.2),
            }
            als = tuple(replace(one, **found) for one in start.ranker.als)
            value = self.measure("als", replace(start, ranker=replace(start.ranker, als=als)), trial.params)
            _report_value(study, trial, value)
            self.split.evict_als((*start.ranker.als, *self.best.ranker.als))

    def weights(self) -> None:
        """Coordinate ascent: multiply one weight at a time and keep improvements. The autoencoder's weight stays 1."""
        started = time.monotonic()
        config, value = self.best, self.best_value
        for _ in range(_ROUNDS):
            for name in _WEIGHTS:
                for candidate in _steps(config, name):
                    found = self.split.value(candidate)
                    if found > value:
                        config, value = candidate, found
        learned = {name: getattr(config.ranker, name) for name in _WEIGHTS}
        self.best, self.best_value = config, value
        trial = Trial(len(self.trials), "weights", learned, value, time.monotonic() - started)
        self.trials.append(trial)
        self._on_trial(trial)


def _steps(config: TunedConfig, name: str) -> Iterator[TunedConfig]:
    weight = getattr(config.ranker, name)
    for changed in [weight * step for step in _STEPS] if weight else [0.1, 0.5]:
        weights: dict[str, Any] = {name: round(changed, 6)}
        yield replace(config, ranker=replace(config.ranker, **weights))


def _study(seed: int, first: dict[str, Any]) -> optuna.Study:
    """A study in memory that starts with ``first``, so that the search knows the value to beat."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(direction="maximize", sampler=optuna.samplers.TPESampler(seed=seed))
    study.enqueue_trial(first)
    return study


def _report_value(study: optuna.Study, trial: optuna.Trial, value: float | None) -> None:
    if value is None:
        study.tell(trial, state=optuna.trial.TrialState.FAIL)
    else:
        study.tell(trial, value)


def _autoencoder_parameters(start: TunedConfig, split: _ValidationSplit) -> dict[str, Any]:
    parameters = asdict(start.ranker.autoencoder)
    if split.has_fair_ratings:
        parameters["fair_rating"] = start.feedback.fair_rating
    if split.has_ages:
        parameters["age_half_life_days"] = start.feedback.age_half_life_days
    return parameters


def _suggest_autoencoder(trial: optuna.Trial, start: TunedConfig, split: _ValidationSplit) -> TunedConfig:
    autoencoder = LinearAutoencoderConfig(
        regularization=trial.suggest_float("regularization", 5.0, 3000.0, log=True),
        regularization_popularity_exponent=trial.suggest_float("regularization_popularity_exponent", 0.0, 0.6),
        dropout_ratio=trial.suggest_float("dropout_ratio", 0.0, 4.0),
        person_exponent=trial.suggest_float("person_exponent", 0.0, 0.9),
        diagonal_relaxation=trial.suggest_float("diagonal_relaxation", 0.0, 1.0),
        target_popularity_exponent=trial.suggest_float("target_popularity_exponent", -0.4, 0.1),
    )
    feedback = start.feedback
    if split.has_fair_ratings:
        feedback = replace(feedback, fair_rating=trial.suggest_float("fair_rating", 0.1, 1.0))
    if split.has_ages:
        half_life = cast(float | None, trial.suggest_categorical("age_half_life_days", _HALF_LIVES))
        feedback = replace(feedback, age_half_life_days=half_life)
    return TunedConfig(replace(start.ranker, autoencoder=autoencoder), feedback)

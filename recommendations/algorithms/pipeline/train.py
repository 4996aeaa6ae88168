"""The nightly training from interactions to publishable arrays, without a database.

``train`` evaluates on a held-out split, chooses by validation how lists are made, fits on everything, factorises,
encodes the texts, predicts factors for movies without feedback and fits the next-item model and the ratings. Other
modules publish the result, to tables or to files.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recommendations.algorithms.chunks import likes_by_item
from recommendations.algorithms.content.cold_start import FoldIn, FoldInConfig
from recommendations.algorithms.content.cold_start_factors import ColdStartFactorsConfig, cold_start_factors
from recommendations.algorithms.content.lsa import MovieContent
from recommendations.algorithms.content.sentence_encoder import new_encoder
from recommendations.algorithms.feedback import FeedbackConfig
from recommendations.algorithms.interactions import Interactions
from recommendations.algorithms.mapped import LikesOf, local_likes
from recommendations.algorithms.measuring import metrics
from recommendations.algorithms.measuring.bootstrap import difference_interval
from recommendations.algorithms.measuring.splitting import hold_out
from recommendations.algorithms.pipeline.incumbent import Incumbent, compare_with_incumbent, ranked_lists
from recommendations.algorithms.pipeline.next_item_factors import next_item_factors
from recommendations.algorithms.pipeline.serving_validation import (
    ServingChoice,
    ServingValidationConfig,
    choose_serving,
)
from recommendations.algorithms.pipeline.trained_model import TrainedModel, positions_of
from recommendations.algorithms.rankers.ensemble import EnsembleConfig, RankingEnsemble
from recommendations.algorithms.rankers.few_shot import FewShotConfig, FewShotItemModel
from recommendations.algorithms.rankers.next_item import NextItemConfig
from recommendations.algorithms.rankers.popularity import Popularity, PopularityConfig, top_scored
from recommendations.algorithms.ratings.base import RatingModel
from recommendations.algorithms.ratings.evaluation import RatingFits
from recommendations.algorithms.ratings.fold_in import RatingFactorsConfig
from recommendations.algorithms.ratings.predictor import RatingPredictorConfig

ALGORITHM = "linear autoencoder with ALS and neighbours"

EVALUATED_AT = 10
# The items in the autoencoder's matrix where serving is validated, on a sample of people: it bounds the time.
_VALIDATED_ITEMS = 10_000

# The regression, the query and item factors of the whole catalogue, and whether each was learned.
_Catalogue = tuple[FoldIn | None, NDArray[np.float32], NDArray[np.float32], NDArray[np.bool_]]
# Called with a stage's name and the share of the training that is done, 0 to 1.
OnProgress = Callable[[str, float], None]


class NothingToTrainOnError(ValueError):
    """No feedback to learn from: nobody likes anything."""


@dataclass(frozen=True, slots=True)
class TrainingConfig:
    """Hyperparameters of one nightly training."""

    # Applied when the interactions are read, before ``train``; part of this class so that the version's row records it.
    feedback: FeedbackConfig = field(default_factory=FeedbackConfig)
    ranker: EnsembleConfig = field(default_factory=EnsembleConfig)
    # The field names are keys of stored hyperparameters.
    newcomers: FewShotConfig = field(default_factory=FewShotConfig)
    # None: no next-item model.
    next_item: NextItemConfig | None = None
    # None: nothing is chosen, and the version is served with the defaults.
    serving_validation: ServingValidationConfig | None = None
    unrated: ColdStartFactorsConfig = field(default_factory=ColdStartFactorsConfig)
    fold_in: FoldInConfig = field(default_factory=FoldInConfig)
    popularity: PopularityConfig = field(default_factory=PopularityConfig)
    # One of sentence_encoder.ENCODERS.
    encoder: str = "lsa"
    content_dimensions: int = 384
    rank: int = 128
    # Number of people whose likes are partly held out to measure the model; 0 skips the measurement.
    evaluated_people: int = 1000
    evaluated_share: float = 0.2
    # None predicts no ratings. ``rating_held_out`` is the share of the ratings that the predictor's fit leaves out, to
    # measure it.
    rating: RatingPredictorConfig | None = field(default_factory=RatingPredictorConfig.nightly)
    rating_held_out: float = 0.05
    # Of the rows that predict ratings of anybody; unused if ``rating`` is None.
    rating_factors: RatingFactorsConfig = field(default_factory=RatingFactorsConfig)
    random_state: int = 0

    def as_dict(self) -> dict[str, Any]:
        """The hyperparameters as plain numbers and text, ready for JSON."""
        return asdict(self)


class _Stages:
    """Reports each stage as it starts and records its seconds."""

    def __init__(self, on_progress: OnProgress | None) -> None:
        self.seconds: dict[str, float] = {}
        self._report = on_progress or (lambda stage, progress: None)
        self._reported = 0.0

    @contextmanager
    def stage(self, name: str, progress: float) -> Iterator[None]:
        self._report(name, progress)
        self._reported = progress
        started = time.perf_counter()
        yield
        self.seconds[name] = round(time.perf_counter() - started, 3)

    def advance(self, name: str, progress: float) -> None:
        """Report a long stage again whenever another twentieth of the training is done."""
        if progress >= self._reported + 0.05:
            self._report(name, progress)
            self._reported = progress


def train(
    interactions: Interactions,
    contents: Sequence[MovieContent],
    config: TrainingConfig | None = None,
    on_progress: OnProgress | None = None,
    *,
    incumbent: Incumbent | None = None,
    likes_of: LikesOf = local_likes,
) -> TrainedModel:
    """Train on feedback and on the texts of the catalogue. The two need not cover the same movies.

    on_progress is called with each stage's name and the share of the training that is done, 0 to 1. incumbent: the
    configuration of the live version, which the evaluation then measures as well. likes_of: how the ranker reads
    everybody's likes, in this process by default.
    The same input gives the same model. Raises NothingToTrainOnError if nobody likes anything.
    """
    config = config or TrainingConfig()
    if not (interactions.weights > 0).any():
        raise NothingToTrainOnError("there is nothing to train on: nobody has liked, watched or viewed a movie")
    stages = _Stages(on_progress)
    with stages.stage("evaluating", 0.0):
        measured = evaluate(interactions, config, incumbent, likes_of)
    choice = _serving_choice(interactions, contents, config, stages)
    with stages.stage("fitting", 0.3):
        model = RankingEnsemble(config.ranker).fit(likes_of(interactions))
    contents = sorted(contents, key=lambda content: content.movie_id)
    with stages.stage("encoding texts", 0.4):
        encoder = new_encoder(config.encoder, config.content_dimensions, config.random_state).fit(contents)
        vectors = encoder.transform(contents)
    with stages.stage("factorising", 0.45):
        catalogue = _catalogue_factors(interactions, model, contents, vectors, config)
    movie_ids = np.array([content.movie_id for content in contents], np.int64)
    fold_in, A, V, trained = catalogue
    next_item = None
    if config.next_item is not None:
        with stages.stage("fitting sequences", 0.47):
            next_item = next_item_factors(
                interactions, model.known_items, movie_ids, V, config=config.next_item, seed=config.random_state
            )
    ratings, rating_factors, accuracy = _rating_models(interactions, (contents, vectors), catalogue, config, stages)
    return TrainedModel(
        interactions=interactions,
        ranker=model,
        encoder=encoder,
        fold_in=fold_in,
        movie_ids=movie_ids,
        content=vectors,
        query_factors=A,
        item_factors=V,
        trained=trained,
        metrics={**measured, **accuracy, **({} if choice is None else {"serving": choice.facts})},
        seconds=stages.seconds,
        ratings=ratings,
        rating_factors=rating_factors,
        next_item=next_item,
        serving=None if choice is None else choice.parameters,
    )


def _serving_choice(
    interactions: Interactions, contents: Sequence[MovieContent], config: TrainingConfig, stages: _Stages
) -> ServingChoice | None:
    """Choose how the model is served, with a model of the same kind that is trained on the older interactions."""
    if config.serving_validation is None:
        return None
    ranker = replace(config.ranker, max_items=min(config.ranker.max_items, _VALIDATED_ITEMS))
    alike = replace(config, ranker=ranker, evaluated_people=0, rating=None, serving_validation=None)
    with stages.stage("validating serving", 0.1):
        return choose_serving(
            interactions,
            lambda older: train(older, contents, alike),
            popularity=config.popularity,
            config=config.serving_validation,
            weights=config.feedback.weights,
            seed=config.random_state,
            on_share=lambda share: stages.advance("validating serving", 0.1 + 0.2 * share),
        )


def _rating_models(
    interactions: Interactions,
    texts: tuple[Sequence[MovieContent], NDArray[np.float32]],
    catalogue: _Catalogue,
    config: TrainingConfig,
    stages: _Stages,
) -> tuple[RatingModel | None, NDArray[np.float32] | None, dict[str, Any]]:
    """What predicts ratings in lists, and rows that predict those of anybody: each if it beats damped means.

    With many ratings the longest stages. texts: contents and their vectors.
    """
    with stages.stage("predicting ratings", 0.5):
        fits = RatingFits.of(
            interactions,
            config.rating,
            config.rating_factors,
            held_out=config.rating_held_out,
            seed=config.random_state,
        )
        if fits is None:
            return None, None, {}
        model, figures = fits.predictor(on_share=lambda share: stages.advance("predicting ratings", 0.5 + 0.45 * share))
    with stages.stage("factorising ratings", 0.95):
        rows, of_rows = fits.rows()
        if rows is not None:
            rows = _rows_of_catalogue(rows, interactions.item_ids[fits.rated_items()], interactions, texts, catalogue)
    return model, rows, {**figures, **of_rows}


def _rows_of_catalogue(
    fitted: NDArray[np.float32],
    rated_ids: NDArray[np.int64],
    interactions: Interactions,
    texts: tuple[Sequence[MovieContent], NDArray[np.float32]],
    catalogue: _Catalogue,
) -> NDArray[np.float32]:
    """The catalogue's rows for ratings of anybody; those of a movie that nobody rated are predicted from content.

    Teaches the catalogue's regression to predict such rows.
    """
    contents, vectors = texts
    fold_in, _, _, trained = catalogue
    movie_ids = np.array([content.movie_id for content in contents], np.int64)
    # The average movie's row is the last, where the position -1 of an absent movie finds it.
    rows = fitted[positions_of(interactions.item_ids, movie_ids)]
    unrated = ~np.isin(movie_ids, rated_ids)
    if fold_in is not None:
        fold_in.fit_ratings(rows[trained], fitted[-1])
        others = [content for content, alone in zip(contents, unrated, strict=True) if alone]
        predicted = fold_in.predict_ratings(others, vectors[unrated])
        if predicted is not None:
            rows[unrated] = predicted
    return rows


def _catalogue_factors(
    interactions: Interactions,
    model: RankingEnsemble,
    contents: Sequence[MovieContent],
    vectors: NDArray[np.float32],
    config: TrainingConfig,
) -> _Catalogue:
    """The regression, the query and item factors of the whole catalogue, and whether its item factors were learned."""
    items = model.known_items
    learned = FewShotItemModel(config.newcomers).fit(interactions, items).factorise(config.rank)
    # Nothing can be learned for a movie without a clear like: content predicts its factors.
    known = items[learned[0].any(axis=1) | learned[1].any(axis=1)]
    likes = likes_by_item(interactions)[items].astype(np.float64)
    reserved, seed = config.newcomers.rank, config.random_state
    head = np.searchsorted(items, model.head_items)
    beside = cold_start_factors(learned, model.autoencoder, likes, config.unrated, seed, head=head, reserved=reserved)
    targets = beside or learned
    movie_ids = np.array([content.movie_id for content in contents], np.int64)
    known_ids = interactions.item_ids[items]
    trained = np.isin(movie_ids, interactions.item_ids[known])
    A = np.zeros((len(movie_ids), config.rank), np.float32)
    V = np.zeros_like(A)
    position = np.searchsorted(known_ids, movie_ids[trained])
    A[trained], V[trained] = targets[0][position], learned[1][position]
    if not trained.any():
        return None, A, V, trained
    # Query factors are learned of the most liked movies only: the regression learns from these, and predicts the rest.
    spaces = slice(0, reserved), slice(reserved, None)
    complete = np.all([A[:, space].any(axis=1) | ~targets[0][:, space].any() for space in spaces], axis=0) & trained
    rated = [content for content, known in zip(contents, trained, strict=True) if known]
    rated_factors = targets[0][position], targets[1][position]
    evidence = np.where(complete[trained], likes[position], 0)
    fold_in = FoldIn(config.fold_in).fit(rated, vectors[trained], rated_factors, evidence)
    if not complete.all():
        others = [content for content, whole in zip(contents, complete, strict=True) if not whole]
        queries, V_others = fold_in.predict(others, vectors[~complete])
        for space in spaces:
            own = A[~complete, space]
            A[~complete, space] = np.where(own.any(axis=1, keepdims=True), own, queries[:, space])
        V[~complete] = np.where(trained[~complete, None], V[~complete], V_others)
    return fold_in, A, V, trained


def evaluate(
    interactions: Interactions,
    config: TrainingConfig,
    incumbent: Incumbent | None = None,
    likes_of: LikesOf = local_likes,
) -> dict[str, Any]:
    """Measure model, popularity and incumbent on held-out likes of a sample of people; empty if nobody has enough."""
    held = (
        hold_out(interactions, share=config.evaluated_share, people=config.evaluated_people, seed=config.random_state)
        if config.evaluated_people
        else np.zeros(len(interactions), np.bool_)
    )
    if not held.any():
        return {}
    kept, relevant = interactions.take(~held), interactions.take(held).likes()
    users = np.unique(interactions.users[held]).astype(np.int64)
    relevant = relevant[users]
    ours = ranked_lists(config.ranker, kept, users, EVALUATED_AT, likes_of)
    theirs = _popular_lists(Popularity(config.popularity).fit(kept), kept, users)
    against_live = (
        {}
        if incumbent is None
        else compare_with_incumbent(
            ours, incumbent, kept, held, users=users, relevant=relevant, measure=_measure, likes_of=likes_of
        )
    )
    above = difference_interval(*(metrics.ndcg(ranked, relevant, EVALUATED_AT) for ranked in (ours, theirs)))
    return {
        "protocol": f"random {config.evaluated_share:.0%} of the likes of {len(users)} people held out",
        "people": len(users),
        "held_out": int(held.sum()),
        **_measure(ours, relevant),
        "popularity": _measure(theirs, relevant),
        # The 95% interval of its nDCG minus popularity's, paired by person.
        "above_popularity": [round(above.low, 5), round(above.high, 5)],
        **against_live,
    }


def _popular_lists(popular: Popularity, kept: Interactions, users: NDArray[np.int64]) -> NDArray[np.int32]:
    """Each person's most popular unseen items, shape (people, EVALUATED_AT)."""
    seen = kept.sorted().people_at(users).seen()
    # Deep enough that the person with the most interactions still gets a full list of unseen items.
    depth = int(seen.count_nonzero(axis=1).max(initial=0)) + EVALUATED_AT
    head, _ = top_scored(popular.item_scores, depth)
    lists = np.full((len(users), EVALUATED_AT), -1, np.int32)
    for row in range(len(users)):
        own = seen.indices[seen.indptr[row] : seen.indptr[row + 1]]
        unseen = head[~np.isin(head, own)][:EVALUATED_AT]
        lists[row, : len(unseen)] = unseen
    return lists


def _measure(ranked: NDArray[np.int32], relevant: Any) -> dict[str, float]:
    """Means over people, rounded to five places."""
    functions = {
        "ndcg": metrics.ndcg,
        "recall": metrics.recall,
        "precision": metrics.precision,
        "hit_rate": metrics.hit_rate,
    }
    return {
        f"{name}@{EVALUATED_AT}": round(float(np.nanmean(function(ranked, relevant, EVALUATED_AT))), 5)
        for name, function in functions.items()
    }

"""The live system over time: trained once, then serving people while they rate on.

The protocol trains on the older four fifths of all ratings and publishes lists, factors and popular movies, once. It
follows each person who rates on: after 0, 2, 5, 10, 20 and 40 later ratings it makes lists as serving does, from the
nightly list (for people in the training data) and the newest signals, and compares them with the person's next ten
likes. Ratings of the same second are one step, so everything that is known at a point is older than everything that is
to be found.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from recommendations.algorithms.listing.blending import LIST_SIZE, BlendConfig
from recommendations.algorithms.listing.scoring import ScoredItems
from recommendations.algorithms.measuring import metrics
from recommendations.algorithms.measuring.bootstrap import Interval, difference_interval, mean_interval
from recommendations.algorithms.measuring.splitting import split_at
from recommendations.algorithms.pipeline.serving_simulator import ServingSimulator
from recommendations.algorithms.pipeline.train import TrainingConfig, train
from recommendations.algorithms.pipeline.trained_model import TrainedModel
from recommendations.evaluation.protocols.base import Options, ProtocolError, Stopwatch
from recommendations.evaluation.protocols.cold_movies import interactions_from_ratings
from recommendations.evaluation.protocols.data import LIKE_FROM, Ratings, read_contents, read_ratings
from recommendations.evaluation.report import EvaluationReport, ModelRow

NAME = "temporal"
LATER_SHARE = 0.2
# Numbers of a person's ratings since the training after which lists are made.
STEPS = (0, 2, 5, 10, 20, 40)
NEXT_LIKES = 10
MAX_PEOPLE = 1000
CONFIG = TrainingConfig(evaluated_people=0, rating=None)
VARIANTS = {
    "blend": BlendConfig(),
    "batch alone": BlendConfig(batch=1.0, realtime=0.0),
    "real time alone": BlendConfig(batch=0.0, realtime=1.0),
}


@dataclass(frozen=True, slots=True)
class Point:
    """One person at one time. signals: positions in the catalogue, newest first, with ratings and unix seconds;
    next_likes: by time."""

    person: int
    known: bool
    step: int
    # Number of ratings since the training: ``step``, or a few more if several came in one second.
    newer: int
    signals: NDArray[np.int64]
    ratings: NDArray[np.float32]
    timestamps: NDArray[np.int64]
    next_likes: NDArray[np.int64]
    # Times of the newest known event and of the oldest like to find: a test checks that no point knows its own future.
    latest_known: int
    earliest_hidden: int


def run(path: Path, options: Options, *, until: float = 1.0, config: TrainingConfig = CONFIG) -> EvaluationReport:
    """Measure the blend, each layer alone and popularity, over all points, and separately for known and new people.

    until: the share of the ratings, by time, that is used; hyperparameters are chosen with a share below 1, on a window
    that ends before the reported one. Raises ArchiveError or ProtocolError for data that cannot be split.
    """
    watch = Stopwatch(options.on_progress)
    with watch.stage("reading", 0.0):
        name, ratings = read_ratings(path)
        contents = read_contents(path, options.metadata)
        if until < 1:
            ratings = ratings.take(ratings.timestamps <= np.quantile(ratings.timestamps, until, method="lower"))
        try:
            moment, later = split_at(ratings.timestamps, share=LATER_SHARE)
        except ValueError as error:
            raise ProtocolError(str(error)) from error
    with watch.stage("fitting", 0.1):
        model = train(interactions_from_ratings(ratings.take(~later)), contents, config)
        simulator = ServingSimulator.from_model(model, config.popularity)
        rows = _nightly_lists(model)
    catalogue = model.movie_ids
    ratings = ratings.take(np.isin(ratings.items, catalogue))
    points = list(evaluation_points(ratings, moment, catalogue, seed=options.seed))
    if not points:
        raise ProtocolError("The test part is empty: nobody likes anything after the training.")
    if options.k > len(catalogue):
        raise ProtocolError(f"k = {options.k} is more than the {len(catalogue)} movies there are.")
    with watch.stage("serving", 0.6):
        lists = {variant: _answers(simulator, points, rows, blend, options) for variant, blend in VARIANTS.items()}
        lists["popularity"] = _answers(simulator, points, {}, BlendConfig(), options, blind=True)
    found = _measure(lists, points, len(catalogue), options.k)
    facts: dict[str, int | float | str] = {
        "ratings trained on": int((~later).sum()),
        "people followed": len({point.person for point in points}),
        "of them known to the training": len({point.person for point in points if point.known}),
        "lists made by each": len(points),
    }
    for other in ("batch alone", "real time alone"):
        gain = _paired(found["blend"], found[other], points, options.seed)
        facts[f"blend over {other}"] = f"{gain.mean:+.5f} [{gain.low:+.5f}, {gain.high:+.5f}]"
    facts |= watch.facts()
    report_rows = [_row(variant, values, points, options) for variant, values in found.items()]
    used = {"training": asdict(config), "blend": asdict(BlendConfig()), "realtime": asdict(simulator.realtime)}
    return EvaluationReport(
        NAME, name, f"ndcg@{options.k}", report_rows, (), facts, used, curve_over="ratings since the moment, plus one"
    )


def evaluation_points(
    ratings: Ratings, moment: int, catalogue: NDArray[np.int64], *, seed: int = 0, people: int = MAX_PEOPLE
) -> Iterator[Point]:
    """The points of at most ``people`` who rate after ``moment``, drawn by ``seed``, for both kinds alike.

    ratings: in the order of person and time, of movies of ``catalogue`` (ascending ids) only.
    """
    active = np.unique(ratings.users[ratings.timestamps > moment])
    known = np.isin(active, ratings.users[ratings.timestamps <= moment])
    rng = np.random.default_rng(seed)
    for kind in (True, False):
        group = active[known == kind]
        for person in np.sort(rng.permutation(group)[: people // 2]):
            own = ratings.take(ratings.users == person)
            yield from _points_of_person(int(person), kind, own, moment, catalogue)


def _points_of_person(
    person: int, known: bool, own: Ratings, moment: int, catalogue: NDArray[np.int64]
) -> Iterator[Point]:
    places = np.searchsorted(catalogue, own.items)
    before = int((own.timestamps <= moment).sum())
    used = set()
    for step in STEPS:
        at = before + step
        # Ratings of the same second as the last known one are also known.
        while 0 < at < len(own) and own.timestamps[at] == own.timestamps[at - 1]:
            at += 1
        if at >= len(own) or at in used:
            continue
        used.add(at)
        liked = np.flatnonzero(own.ratings[at:] >= LIKE_FROM) + at
        if len(liked):
            latest = int(own.timestamps[at - 1]) if at else 0
            yield Point(
                person,
                known,
                step,
                at - before,
                places[:at][::-1],
                own.ratings[:at][::-1],
                own.timestamps[:at][::-1],
                places[liked[:NEXT_LIKES]],
                latest,
                int(own.timestamps[liked[0]]),
            )


def _nightly_lists(model: TrainedModel) -> dict[int, ScoredItems]:
    """Published lists by person."""
    rows = {}
    for users, movies, scores in model.lists(LIST_SIZE, model.movie_ids):
        for user, own, values in zip(users.tolist(), movies, scores, strict=True):
            real = own >= 0
            rows[user] = ScoredItems(np.searchsorted(model.movie_ids, own[real]), values[real].astype(np.float64))
    return rows


def _answers(
    simulator: ServingSimulator,
    points: list[Point],
    rows: dict[int, ScoredItems],
    blending: BlendConfig,
    options: Options,
    *,
    blind: bool = False,
) -> NDArray[np.int64]:
    """One list a point, shape (points, k). blind: without any signal, which leaves what is popular."""
    lists = np.full((len(points), options.k), -1, np.int64)
    for number, point in enumerate(points):
        batch = rows.get(point.person) if blending.batch else None
        hears = not blind and blending.realtime > 0
        signals = point.signals.tolist() if hears else []
        lists[number] = simulator.recommend(
            signals,
            point.ratings.tolist(),
            point.signals,
            options.k,
            blending=blending,
            batch=batch,
            newer=point.newer,
            timestamps=point.timestamps,
        )
    return lists


def _measure(
    lists: dict[str, NDArray[np.int64]], points: list[Point], movies: int, k: int
) -> dict[str, NDArray[np.float64]]:
    """nDCG of every list, by variant, each of shape (points,)."""
    indptr = np.concatenate([[0], np.cumsum([len(point.next_likes) for point in points])])
    indices = np.concatenate([point.next_likes for point in points])
    relevant = csr_array((np.ones(len(indices), np.float32), indices, indptr), shape=(len(points), movies))
    return {variant: metrics.ndcg(ranked, relevant, k) for variant, ranked in lists.items()}


def _per_person(values: NDArray[np.float64], points: list[Point]) -> NDArray[np.float64]:
    """The mean over each person's points, so that each person counts once."""
    _, people = np.unique([point.person for point in points], return_inverse=True)
    means: NDArray[np.float64] = np.bincount(people, values) / np.bincount(people)
    return means


def _paired(ours: NDArray[np.float64], theirs: NDArray[np.float64], points: list[Point], seed: int) -> Interval:
    return difference_interval(_per_person(ours, points), _per_person(theirs, points), seed=seed)


def _row(variant: str, values: NDArray[np.float64], points: list[Point], options: Options) -> ModelRow:
    known = np.array([point.known for point in points])
    steps = np.array([point.step for point in points])
    name = f"ndcg@{options.k}"
    people = _per_person(values, points)
    figures = {name: float(people.mean())}
    for label, mask in (("known people", known), ("new people", ~known), ("after 0", steps == 0)):
        if mask.any():
            chosen = [point for point, kept in zip(points, mask, strict=True) if kept]
            figures[f"{name} {label}"] = float(_per_person(values[mask], chosen).mean())
    curve = {int(step) + 1: float(values[steps == step].mean()) for step in np.unique(steps)}
    return ModelRow(variant, figures, mean_interval(people, seed=options.seed), curve)

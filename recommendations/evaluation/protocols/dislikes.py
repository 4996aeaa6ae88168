"""Dislikes: how much of a list stays when its person rejects movies that have nothing to do with their taste.

The protocol holds out 200 people completely and trains on everybody else. A person's first k likes by time are signals;
then they reject popular movies outside their taste, which are drawn among the half of the 100 most popular movies that
is least like what they like. The list with these signals is compared with the list without them, where the same movies
are left out: the share of the first k places that is kept, and nDCG on the person's other likes.

A second part hears real ratings: all ratings up to the k-th like, with and without the low ones.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from events.kinds import Kind
from recommendations.algorithms.listing.dislikes import DislikeConfig
from recommendations.algorithms.measuring import metrics
from recommendations.algorithms.measuring.bootstrap import mean_interval
from recommendations.algorithms.pipeline.serving_simulator import ServingSimulator
from recommendations.algorithms.pipeline.train import train
from recommendations.algorithms.pipeline.trained_model import TrainedModel
from recommendations.algorithms.sparse import column_counts
from recommendations.evaluation.protocols.base import SERVED, Options, ProtocolError, Stopwatch
from recommendations.evaluation.protocols.cold_movies import interactions_from_ratings
from recommendations.evaluation.protocols.data import LIKE_FROM, Ratings, matrix_over, read_contents, read_ratings
from recommendations.evaluation.protocols.new_users import MIN_LIKES_LEFT, held_out_people
from recommendations.evaluation.protocols.ranking import AUTOENCODER_ONLY
from recommendations.evaluation.report import EvaluationReport, ModelRow

NAME = "dislikes"
LIKES_SHOWN = (5, 10)
HELD_OUT_PEOPLE = 200
POPULAR_MOVIES = 100
# The highest rating that counts as a dislike, as in the weights of ``events.kinds``.
DISLIKE_UP_TO = 2.5
CONFIG = replace(SERVED, ranker=AUTOENCODER_ONLY)


@dataclass(frozen=True, slots=True)
class Rejection:
    """What a person says about movies outside their taste: how many movies, by which kind, with which rating."""

    name: str
    movies: int
    kind: Kind
    value: float | None = None


REJECTIONS = (
    Rejection("one dislike", 1, Kind.DISLIKE),
    Rejection("two dislikes", 2, Kind.DISLIKE),
    Rejection("five dislikes", 5, Kind.DISLIKE),
    Rejection("one hide", 1, Kind.HIDE),
    Rejection("one rating of 3", 1, Kind.RATING, 3.0),
)
MAIN_REJECTION = REJECTIONS[0]


@dataclass(frozen=True, slots=True)
class Case:
    """One person after their first likes. Positions in the catalogue; what comes first in time is last.

    signals: everything rated up to the last shown like, with ratings; hidden: the likes to find; outside: popular
    movies outside the person's taste, in the order in which they are rejected.
    """

    signals: NDArray[np.int64]
    ratings: NDArray[np.float32]
    hidden: NDArray[np.int64]
    outside: NDArray[np.int64]

    @property
    def likes(self) -> NDArray[np.int64]:
        """The liked ones of the signals, newest first."""
        return self.signals[self.ratings >= LIKE_FROM]


def run(path: Path, options: Options, *, people: int = HELD_OUT_PEOPLE) -> EvaluationReport:
    """Measure the lists with and without rejections, and with and without real low ratings.

    Raises ArchiveError or ProtocolError for data that cannot be split like this.
    """
    watch = Stopwatch(options.on_progress)
    with watch.stage("reading", 0.0):
        name, ratings = read_ratings(path)
        contents = read_contents(path, options.metadata)
    held = held_out_people(np.unique(ratings.users[ratings.ratings >= LIKE_FROM]), people, options.seed)
    with watch.stage("fitting", 0.1):
        model = train(interactions_from_ratings(ratings.take(~np.isin(ratings.users, held))), contents, CONFIG)
        simulator = ServingSimulator.from_model(model, CONFIG.popularity)
    rows: dict[str, ModelRow] = {}
    facts: dict[str, int | float | str] = {"people held out": len(held)}
    for number, count in enumerate(LIKES_SHOWN):
        with watch.stage("scoring", 0.5 + 0.5 * number / len(LIKES_SHOWN)):
            found = list(cases(ratings, held, model, count, options.seed))
            if found:
                facts[f"people with {count} shown and {MIN_LIKES_LEFT} left"] = len(found)
                _measure(simulator, found, count, options, rows)
    if not rows:
        raise ProtocolError(f"The test part is empty: nobody has {LIKES_SHOWN[0] + MIN_LIKES_LEFT} likes.")
    facts |= watch.facts()
    used = {
        "training": asdict(CONFIG),
        "dislikes": asdict(DislikeConfig()),
        "served with": simulator.parameters.as_dict(),
    }
    main = f"kept@{options.k} after {LIKES_SHOWN[0]}"
    return EvaluationReport(NAME, name, main, list(rows.values()), (), facts, used, curve_over="likes shown")


def cases(ratings: Ratings, held: NDArray[np.int64], model: TrainedModel, count: int, seed: int) -> Iterator[Case]:
    """The case of each held-out person with ``count`` likes shown and MIN_LIKES_LEFT or more left."""
    taste = _TasteByLikes(model)
    known = ratings.take(np.isin(ratings.items, model.movie_ids))
    for person in held.tolist():
        own = known.take(known.users == person)
        liked = np.flatnonzero(own.ratings >= LIKE_FROM)
        if len(liked) < count + MIN_LIKES_LEFT:
            continue
        places = np.searchsorted(model.movie_ids, own.items)
        shown, hidden = slice(0, int(liked[count - 1]) + 1), places[liked[count:]]
        outside = taste.outside(places[liked], places[own.ratings > DISLIKE_UP_TO])
        drawn = np.random.default_rng([seed, person]).permutation(outside)
        yield Case(places[shown][::-1], own.ratings[shown][::-1], hidden, drawn)


class _TasteByLikes:
    """Which popular movies are unlike a person's likes: by the cosine of the sets of people who like two movies.

    No model under test decides it.
    """

    def __init__(self, model: TrainedModel) -> None:
        data = model.interactions
        clear = data.weights >= 1.0
        pairs = np.stack([data.users[clear].astype(np.int64), data.item_ids[data.items[clear]]], axis=1)
        likes: csr_array = matrix_over(pairs, np.arange(len(data.user_ids)), model.movie_ids)
        counts = np.asarray(column_counts(likes), np.float64)
        self._popular = np.lexsort((np.arange(len(counts)), -counts))
        scale = 1 / np.sqrt(np.maximum(counts, 1))
        self._likes = likes
        self._scale = scale

    def outside(self, likes: NDArray[np.int64], known: NDArray[np.int64]) -> NDArray[np.int64]:
        """Half of the most popular movies that are not ``known``: those least like ``likes``. Positions, ascending."""
        popular = self._popular[~np.isin(self._popular, known)][:POPULAR_MOVIES]
        audience = self._likes[:, likes] @ self._scale[likes]
        similar = (self._likes[:, popular].T @ audience) * self._scale[popular]
        least = popular[np.argsort(similar, kind="stable")][: len(popular) // 2]
        return np.sort(least)


def _measure(
    simulator: ServingSimulator, found: Sequence[Case], count: int, options: Options, rows: dict[str, ModelRow]
) -> None:
    """Add the figures after ``count`` likes to the rows, by name."""
    k = options.k
    relevant = _relevant([case.hidden for case in found], len(simulator.popularity))

    def add(name: str, lists: NDArray[np.int64], without: NDArray[np.int64] | None) -> None:
        row = rows.setdefault(name, ModelRow(name, {}))
        row.figures[f"ndcg@{k} after {count}"] = float(np.nanmean(metrics.ndcg(lists, relevant, k)))
        if without is None:
            return
        kept = np.array([len(np.intersect1d(a, b)) / k for a, b in zip(lists, without, strict=True)])
        row.figures[f"ndcg@{k} without, after {count}"] = float(np.nanmean(metrics.ndcg(without, relevant, k)))
        row.figures[f"kept@{k} after {count}"] = float(kept.mean())
        row.curve[count] = float(kept.mean())
        if count == LIKES_SHOWN[0]:
            row.interval = mean_interval(kept, seed=options.seed)

    for rejection in REJECTIONS:
        with_it = [_list(simulator, case.likes, case.outside[: rejection.movies], rejection, k) for case in found]
        without = [_list(simulator, case.likes, case.outside[: rejection.movies], None, k) for case in found]
        add(rejection.name, np.stack(with_it), np.stack(without))
    heard = np.stack([_real_list(simulator, case, case.ratings > 0, k) for case in found])
    ignored = np.stack([_real_list(simulator, case, case.ratings > DISLIKE_UP_TO, k) for case in found])
    add("real low ratings", heard, ignored)


def _list(
    simulator: ServingSimulator, likes: NDArray[np.int64], rejected: NDArray[np.int64], said: Rejection | None, k: int
) -> NDArray[np.int64]:
    """The list after ``likes`` and, unless ``said`` is None, the rejections, which are the newest signals."""
    signals, kinds, values = likes.tolist(), [Kind.LIKE.value] * len(likes), [np.nan] * len(likes)
    if said is not None:
        signals = rejected.tolist() + signals
        kinds = [said.kind.value] * len(rejected) + kinds
        values = [np.nan if said.value is None else said.value] * len(rejected) + values
    seen = np.concatenate([likes, rejected])
    return simulator.recommend(signals, values, seen, k, kinds=kinds)


def _real_list(simulator: ServingSimulator, case: Case, heard: NDArray[np.bool_], k: int) -> NDArray[np.int64]:
    """The list after those of the person's ratings that are ``heard``; all are left out of it."""
    signals, ratings = case.signals[heard].tolist(), case.ratings[heard].tolist()
    return simulator.recommend(signals, ratings, case.signals, k)


def _relevant(hidden: Sequence[NDArray[np.int64]], movies: int) -> csr_array:
    """The likes to find as a matrix of ones, (cases, movies)."""
    indptr = np.concatenate([[0], np.cumsum([len(places) for places in hidden])])
    indices = np.concatenate(hidden)
    return csr_array((np.ones(len(indices), np.float32), indices, indptr), shape=(len(hidden), movies))

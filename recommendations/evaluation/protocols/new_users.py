"""New people: lists from their first likes, measured on the rest.

The protocol holds out 1,000 people completely. A like is a rating of 4 and up. A person's first k likes by time are
events for the speed layer of a model trained on everybody else. Its list is compared with their other likes, for people
with at least five left.
"""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from recommendations.algorithms.measuring import metrics
from recommendations.algorithms.measuring.bootstrap import mean_interval
from recommendations.algorithms.pipeline.serving_simulator import ServingSimulator
from recommendations.algorithms.pipeline.train import TrainingConfig, train
from recommendations.algorithms.pipeline.trained_model import TrainedModel
from recommendations.algorithms.rankers.linear_autoencoder import EASE_ML1M, LinearAutoencoder
from recommendations.evaluation.protocols.base import SERVED, Options, ProtocolError, Stopwatch
from recommendations.evaluation.protocols.cold_movies import interactions_from_ratings
from recommendations.evaluation.protocols.data import LIKE_FROM, Ratings, read_contents, read_ratings
from recommendations.evaluation.protocols.ranking import AUTOENCODER_ONLY, Scorer, popularity_scorer, ranking_task
from recommendations.evaluation.published import NEW_USERS
from recommendations.evaluation.report import EvaluationReport, ModelRow

NAME = "new-users"
LIKES_SHOWN = (1, 3, 5, 10, 20)
MAIN_LIKES_SHOWN = 10
HELD_OUT_PEOPLE = 1000
MIN_LIKES_LEFT = 5
# The speed layer uses the factors alone: the other members of the nightly ensemble are left out.
CONFIG = replace(SERVED, ranker=AUTOENCODER_ONLY)


def run(
    path: Path, options: Options, *, people: int = HELD_OUT_PEOPLE, config: TrainingConfig = CONFIG
) -> EvaluationReport:
    """Measure ours (the speed layer, as in serving), exact EASE and popularity, after each number of likes.

    Raises ArchiveError or ProtocolError for data that cannot be split like this.
    """
    watch = Stopwatch(options.on_progress)
    with watch.stage("reading", 0.0):
        name, ratings = read_ratings(path)
        contents = read_contents(path, options.metadata)
    likes = ratings.take(ratings.ratings >= LIKE_FROM)
    held = held_out_people(np.unique(likes.users), people, options.seed)
    others, their_likes = ratings.take(~np.isin(ratings.users, held)), likes.take(~np.isin(likes.users, held))
    with watch.stage("fitting ours", 0.1):
        model = train(interactions_from_ratings(others), contents, config)
        simulator = ServingSimulator.from_model(model, config.popularity)
    with watch.stage("fitting EASE", 0.5):
        known = ranking_task(_pairs(their_likes), _pairs(likes), items=np.unique(their_likes.items)).known
        baselines: dict[str, Scorer] = {
            "EASE": LinearAutoencoder(EASE_ML1M).fit(known).scores,
            "popularity": popularity_scorer(known),
        }
    per_person: dict[str, dict[int, NDArray[np.float64]]] = {row: {} for row in ("ours", *baselines)}
    facts: dict[str, int | float | str] = {"people held out": len(held)}
    for number, count in enumerate(LIKES_SHOWN):
        with watch.stage("scoring", 0.6 + 0.4 * number / len(LIKES_SHOWN)):
            shown, hidden = first_likes(likes.take(np.isin(likes.users, held)), count)
            if not len(hidden):
                continue
            facts[f"people with {count} shown and {MIN_LIKES_LEFT} left"] = len(np.unique(hidden.users))
            task = ranking_task(_pairs(shown), _pairs(hidden), items=np.unique(their_likes.items))
            for baseline, scorer in baselines.items():
                ranked = task.ranked(scorer, options.k)
                per_person[baseline][count] = metrics.ndcg(ranked, task.relevant, options.k)
            per_person["ours"][count] = _ours(simulator, model, shown, hidden, options.k)
    if not per_person["ours"]:
        raise ProtocolError(f"The test part is empty: nobody has {MIN_LIKES_LEFT + 1} likes.")
    main = MAIN_LIKES_SHOWN if MAIN_LIKES_SHOWN in per_person["ours"] else max(per_person["ours"])
    rows = [_row(model_name, found, main, options) for model_name, found in per_person.items()]
    facts |= watch.facts()
    used = {"training": asdict(config), "served with": simulator.parameters.as_dict()}
    return EvaluationReport(
        NAME, name, _figure(options.k, main), rows, NEW_USERS, facts, used, curve_over="likes shown"
    )


def held_out_people(people: NDArray[np.int64], count: int, seed: int) -> NDArray[np.int64]:
    """``count`` of ``people`` drawn by ``seed``, at most half of them; ascending ids."""
    return np.sort(np.random.default_rng(seed).choice(people, min(count, len(people) // 2), replace=False))


def first_likes(likes: Ratings, count: int) -> tuple[Ratings, Ratings]:
    """The first ``count`` likes of each person by time, and the rest, of people with MIN_LIKES_LEFT or more left."""
    _, starts, sizes = np.unique(likes.users, return_index=True, return_counts=True)
    place = np.arange(len(likes)) - np.repeat(starts, sizes)
    enough = np.repeat(sizes >= count + MIN_LIKES_LEFT, sizes)
    return likes.take(enough & (place < count)), likes.take(enough & (place >= count))


def _ours(
    simulator: ServingSimulator, model: TrainedModel, shown: Ratings, hidden: Ratings, k: int
) -> NDArray[np.float64]:
    """nDCG of the simulated answers, per person in ascending order."""
    people = np.unique(hidden.users)
    lists = np.full((len(people), k), -1, np.int64)
    for row, person in enumerate(people):
        own = shown.take(shown.users == person)
        places = np.searchsorted(model.movie_ids, own.items)[::-1]
        lists[row] = simulator.recommend(
            places.tolist(),
            own.ratings[::-1].tolist(),
            places,
            k,
            timestamps=own.timestamps[::-1],
        )
    wanted = ranking_task(_pairs(shown), _pairs(hidden), items=model.movie_ids)
    return metrics.ndcg(lists, wanted.relevant, k)


def _pairs(ratings: Ratings) -> NDArray[np.int64]:
    return np.stack([ratings.users, ratings.items], axis=1)


def _figure(k: int, count: int) -> str:
    return f"ndcg@{k} after {count}"


def _row(model: str, found: dict[int, NDArray[np.float64]], main: int, options: Options) -> ModelRow:
    figures = {_figure(options.k, count): float(np.nanmean(values)) for count, values in found.items()}
    curve = {count: float(np.nanmean(values)) for count, values in found.items()}
    return ModelRow(model, figures, mean_interval(found[main], seed=options.seed), curve)

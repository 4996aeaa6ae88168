"""The live system over time: trained once, then serving people while they rate on.

The protocol trains on the older four fifths of all ratings and publishes lists, factors and popular movies, once. It
follows each person who rates on: after 0, 2, 5, 10, 20 and 40 later ratings it makes lists as serving does, from the
nightly list (for people in the training data) and the newest signals, and compares them with the person's next ten
likes. Ratings of the same second are one step, so everything that is known in a task is older than everything that is
to be found. Beside the nightly row it measures one that was folded at the last full hour.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from recommendations.algorithms.listing.blending import BlendConfig
from recommendations.algorithms.listing.scoring import ScoredItems
from recommendations.algorithms.measuring import metrics
from recommendations.algorithms.measuring.bootstrap import Interval, difference_interval, mean_interval
from recommendations.algorithms.measuring.splitting import split_at
from recommendations.algorithms.pipeline.serving_simulator import ServingSimulator
from recommendations.algorithms.pipeline.serving_tasks import ServingTask, followed_tasks
from recommendations.algorithms.pipeline.serving_validation import published_lists, relevant_matrix
from recommendations.algorithms.pipeline.train import TrainingConfig, train
from recommendations.algorithms.pipeline.trained_model import TrainedModel
from recommendations.evaluation.protocols.base import SERVED, Options, ProtocolError, Stopwatch
from recommendations.evaluation.protocols.cold_movies import interactions_from_ratings
from recommendations.evaluation.protocols.data import read_contents, read_ratings
from recommendations.evaluation.protocols.folded_lists import lists_folded_hourly
from recommendations.evaluation.report import EvaluationReport, ModelRow

NAME = "temporal"
LATER_SHARE = 0.2
MAX_PEOPLE = 1000
# The layers alone replace the weights of the blend; all else is as published.
LAYERS = {"batch alone": (1.0, 0.0), "real time alone": (0.0, 1.0)}
# The same layers with rows that were folded at the last full hour.
FOLDED = {"blend, folded hourly": "blend", "batch alone, folded hourly": "batch alone"}


def run(path: Path, options: Options, *, until: float = 1.0, config: TrainingConfig = SERVED) -> EvaluationReport:
    """Measure the blend, each layer alone and popularity, over all tasks, and separately for known and new people.

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
    everything = interactions_from_ratings(ratings)
    tasks = list(followed_tasks(everything, moment, model.movie_ids, people=MAX_PEOPLE, seed=options.seed))
    if not tasks:
        raise ProtocolError("The test part is empty: nobody likes anything after the training.")
    if options.k > len(model.movie_ids):
        raise ProtocolError(f"k = {options.k} is more than the {len(model.movie_ids)} movies there are.")
    with watch.stage("serving", 0.6):
        lists = _lists_by_variant(model, simulator, tasks, moment, options.k)
    relevant = relevant_matrix(tasks, len(model.movie_ids))
    found = {variant: metrics.ndcg(ranked, relevant, options.k) for variant, ranked in lists.items()}
    facts: dict[str, int | float | str] = {
        "ratings trained on": int((~later).sum()),
        "people followed": len({task.person for task in tasks}),
        "of them known to the training": len({task.person for task in tasks if task.known}),
        "lists made by each": len(tasks),
    }
    for other in ("batch alone", "real time alone", "blend, folded hourly"):
        gain = _paired(found["blend"], found[other], tasks, options.seed)
        facts[f"blend over {other}"] = f"{gain.mean:+.5f} [{gain.low:+.5f}, {gain.high:+.5f}]"
    facts |= watch.facts()
    report_rows = [_row(variant, values, tasks, options) for variant, values in found.items()]
    used = {"training": asdict(config), "served with": simulator.parameters.as_dict()}
    return EvaluationReport(
        NAME, name, f"ndcg@{options.k}", report_rows, (), facts, used, curve_over="ratings since the moment, plus one"
    )


def _lists_by_variant(
    model: TrainedModel, simulator: ServingSimulator, tasks: list[ServingTask], moment: int, k: int
) -> dict[str, NDArray[np.int64]]:
    """The lists of each layer and of the blend, with the nightly row and with a folded one; and what is popular."""
    blend = simulator.parameters.blend
    published = published_lists(model, tasks)
    nightly = [published.get(task.person) for task in tasks]
    folded = lists_folded_hourly(model, tasks, nightly, moment)
    layers = {"blend": blend}
    layers |= {name: replace(blend, batch=batch, realtime=now) for name, (batch, now) in LAYERS.items()}
    lists = {name: _lists(simulator, tasks, nightly, weights, k) for name, weights in layers.items()}
    for name, layer in FOLDED.items():
        lists[name] = _lists(simulator, tasks, folded, layers[layer], k)
    lists["popularity"] = _lists(simulator, tasks, [None] * len(tasks), blend, k, blind=True)
    return lists


def _lists(
    simulator: ServingSimulator,
    tasks: list[ServingTask],
    rows: Sequence[ScoredItems | None],
    blending: BlendConfig,
    k: int,
    *,
    blind: bool = False,
) -> NDArray[np.int64]:
    """One list a task, shape (tasks, k). rows: the nightly list of each task's person, if any. blind: without any
    signal, which leaves what is popular."""
    lists = np.full((len(tasks), k), -1, np.int64)
    for number, task in enumerate(tasks):
        hears = not blind and blending.realtime > 0
        lists[number] = simulator.recommend(
            task.signals.tolist() if hears else [],
            task.ratings.tolist(),
            task.seen,
            k,
            blending=blending,
            batch=rows[number] if blending.batch else None,
            newer=task.newer,
            timestamps=task.timestamps,
        )
    return lists


def _per_person(values: NDArray[np.float64], tasks: list[ServingTask]) -> NDArray[np.float64]:
    """The mean over each person's tasks, so that each person counts once."""
    _, people = np.unique([task.person for task in tasks], return_inverse=True)
    means: NDArray[np.float64] = np.bincount(people, values) / np.bincount(people)
    return means


def _paired(ours: NDArray[np.float64], theirs: NDArray[np.float64], tasks: list[ServingTask], seed: int) -> Interval:
    return difference_interval(_per_person(ours, tasks), _per_person(theirs, tasks), seed=seed)


def _row(variant: str, values: NDArray[np.float64], tasks: list[ServingTask], options: Options) -> ModelRow:
    known = np.array([task.known for task in tasks])
    steps = np.array([task.step for task in tasks])
    name = f"ndcg@{options.k}"
    people = _per_person(values, tasks)
    figures = {name: float(people.mean())}
    for label, mask in (("known people", known), ("new people", ~known), ("after 0", steps == 0)):
        if mask.any():
            chosen = [task for task, kept in zip(tasks, mask, strict=True) if kept]
            figures[f"{name} {label}"] = float(_per_person(values[mask], chosen).mean())
    curve = {int(step) + 1: float(values[steps == step].mean()) for step in np.unique(steps)}
    return ModelRow(variant, figures, mean_interval(people, seed=options.seed), curve)

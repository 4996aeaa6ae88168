"""The models of a training without the training around them; part of ``benchmarks/training.py``.

As a program: reads the feedback of DATABASE_URL, which is not timed, and prints seconds as JSON, each of a fit on
everything and a list of 100 movies for everybody, in memory:

ease: the plain closed form in NumPy, inv(X'X + ridge) with a zero diagonal, and the top 100 of X B. One model.
ranker: the members of the ensemble with the training's hyperparameters (autoencoder, ALS, spectral filter, user kNN),
scored and added for everybody.
models: the ranker, and all else that a version has: few-shot and cold-start factors, texts, the next-item model, rating
chains and rows, and predicted ratings of the lists.

None of them has a database, an evaluation, a choice of how to serve, a comparison with the live version, files, a gate
or publishing; those are what the training adds.
"""

import json
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.training_process import ROOT, environment

LIST_SIZE = 100
_RIDGE = 500.0
_BLOCK = 1024


def bare_seconds(url: str, folder: Path, threads: int) -> dict[str, float]:
    """Runs all of them in a process of its own. Raises CalledProcessError."""
    command = [sys.executable, str(Path(__file__).resolve())]
    result = subprocess.run(
        command, cwd=ROOT, env=environment(url, folder, threads), stdout=subprocess.PIPE, text=True, check=True
    )
    return {name: float(seconds) for name, seconds in json.loads(result.stdout.splitlines()[-1]).items()}


def ease(interactions: Any) -> None:
    """One closed form, and the 100 best unseen movies of everybody."""
    likes, seen = interactions.likes(), interactions.seen()
    gram = (likes.T @ likes).toarray()
    gram.flat[:: len(gram) + 1] += _RIDGE
    inverse = np.linalg.inv(gram)
    weights = inverse / -np.diag(inverse)
    np.fill_diagonal(weights, 0)
    for start in range(0, likes.shape[0], _BLOCK):
        scores = likes[start : start + _BLOCK] @ weights
        scores[seen[start : start + _BLOCK].nonzero()] = -np.inf
        size = min(LIST_SIZE, scores.shape[1])
        best = np.argpartition(-scores, size - 1, axis=1)[:, :size]
        values = np.take_along_axis(scores, best, axis=1)
        np.take_along_axis(best, np.argsort(-values, axis=1), axis=1)


def ranker(interactions: Any, config: Any) -> None:
    """The members of the ensemble, and everybody's list."""
    from recommendations.algorithms.rankers.ensemble import RankingEnsemble  # noqa: PLC0415 -- after Django.

    model = RankingEnsemble(config.ranker).fit(interactions.likes())
    for _ in model.recommend(interactions, LIST_SIZE):
        pass


def models(interactions: Any, contents: Any, config: Any) -> None:
    """All models of a version, and everybody's list with predicted ratings."""
    from recommendations.algorithms.pipeline.train import train  # noqa: PLC0415 -- after Django.

    alone = replace(config, evaluated_people=0, serving_validation=None)
    model = train(interactions, contents, alone)
    for users, movies, _ in model.lists(LIST_SIZE, model.movie_ids):
        model.predicted_ratings(users, movies)


def main() -> None:
    """The process that fits."""
    import django  # noqa: PLC0415 -- the parent has set it up.

    django.setup()
    from recommendations.training.config import training_config  # noqa: PLC0415
    from recommendations.training.reading import interactions_read  # noqa: PLC0415
    from recommendations.vectors.contents import movie_contents_read  # noqa: PLC0415

    config = training_config()
    interactions, contents = interactions_read(config=config.feedback), movie_contents_read()
    parts: dict[str, Callable[[], None]] = {
        "ease": lambda: ease(interactions),
        "ranker": lambda: ranker(interactions, config),
        "models": lambda: models(interactions, contents, config),
    }
    seconds = {}
    for name, part in parts.items():
        began = time.perf_counter()
        part()
        seconds[name] = time.perf_counter() - began
    print(json.dumps(seconds))


if __name__ == "__main__":
    main()

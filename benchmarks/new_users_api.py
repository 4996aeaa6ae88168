"""The protocol ``new-users`` over HTTP: people register, their likes are sent as events, their lists are read back.

    DJANGO_SETTINGS_MODULE=recsys_project.settings.local python benchmarks/new_users_api.py ml-1m.zip

Works in a database of its own on the configured server, as the tests do, and drops it at the end. Into it goes the
archive without the people whom ``manage.py evaluate --protocol new-users`` holds out; the nightly training runs on it,
without what lists do not need (predicted ratings and its own measurements), and Gunicorn with the Procfile's
configuration. Then each of those people is made, sends their first likes one by one, and after 1, 3, 5, 10 and 20 of
them reads GET /api/recommendations/?limit=10. Beside the nDCG of these lists stands that of the protocol's simulated
serving on the same published rows, and how many lists are the very same. Re-ranking and rate limits are as served.
"""

import argparse
import http.client
import json
import os
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from rich.console import Console
from rich.table import Table
from scipy.sparse import csr_array

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
os.environ.setdefault("LOG_LEVEL", "WARNING")

from benchmarks.scratch_site import HOST, scratch_database, web_server
from recommendations.algorithms.listing.session_query import FEW_SHOT_DIMENSIONS
from recommendations.algorithms.measuring import metrics
from recommendations.algorithms.pipeline.next_item_factors import NextItemFactors
from recommendations.algorithms.pipeline.serving_simulator import ServingSimulator
from recommendations.evaluation.protocols import new_users
from recommendations.evaluation.protocols.data import LIKE_FROM, read_ratings

DATABASE = "benchmark_new_users"
PORT = 8766
K = 10


class Person(NamedTuple):
    """Somebody held out: the database's ids of the movies they like, the first first, and a token to speak with."""

    likes: list[int]
    token: str


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("archive", type=Path, help="a MovieLens archive, such as ml-1m.zip")
    parser.add_argument("--people", type=int, default=new_users.HELD_OUT_PEOPLE, help="held out (default: 1000)")
    parser.add_argument("--seed", type=int, default=0, help="of the draw of people (default: 0)")
    parser.add_argument("--clients", type=int, default=2, help="people at a time (default: 2)")
    parser.add_argument(
        "--clock-of-data",
        action="store_true",
        help="let popular movies be as of the newest rating, as the protocol does, and not as of now",
    )
    options = parser.parse_args()
    if options.people < 1 or options.clients < 1:
        parser.error("--people and --clients must be 1 or more")
    with scratch_database(DATABASE):
        from django.conf import settings  # noqa: PLC0415 -- after Django is set up.

        # Neither says anything about a list's order.
        settings.TRAINING_RATING_PREDICTION, settings.TRAINING_EVALUATED_PEOPLE = False, 0
        run(options)


def run(options: argparse.Namespace) -> None:
    """Import, train, serve, ask, print."""
    from movies.caching.version_tokens import invalidate_catalogue  # noqa: PLC0415 -- after Django is set up.

    console = Console(width=100)
    started = time.perf_counter()
    people = prepare(options)
    console.print(f"imported and trained in {time.perf_counter() - started:.0f} s; {len(people)} people held out")
    simulator, movie_ids = published()
    started = time.perf_counter()
    invalidate_catalogue()  # What Redis has cached of other databases does not count.
    with web_server(PORT, quiet=False), ThreadPoolExecutor(options.clients) as pool:
        answers = list(pool.map(lambda person: dict(ask(person)), people))
    lists = sum(len(answer) for answer in answers)
    console.print(f"{lists} lists read in {time.perf_counter() - started:.0f} s")
    console.print(report(people, answers, simulator, movie_ids))


def prepare(options: argparse.Namespace) -> list[Person]:
    """Everybody else imported and trained on; those held out made, without a rating."""
    from accounts.models import User  # noqa: PLC0415
    from accounts.tokens import AccessToken  # noqa: PLC0415
    from events.imports.services import movielens_import  # noqa: PLC0415
    from events.models import Rating  # noqa: PLC0415
    from movies.models import DatasetMovie  # noqa: PLC0415
    from recommendations.training.popular_movies import popular_refresh  # noqa: PLC0415
    from recommendations.training.services import training_run  # noqa: PLC0415

    _, ratings = read_ratings(options.archive)
    likes = ratings.take(ratings.ratings >= LIKE_FROM)
    held = new_users.held_out_people(np.unique(likes.users), options.people, options.seed)
    imported = movielens_import(path=options.archive)
    User.objects.filter(dataset=imported.dataset, dataset_user_id__in=held.tolist()).delete()
    training_run()
    if options.clock_of_data:
        newest = Rating.objects.latest("rated_at").rated_at
        popular_refresh(now=newest)
    rows = DatasetMovie.objects.filter(dataset=imported.dataset)
    pk_of = dict(rows.values_list("dataset_movie_id", "movie_id"))
    people = []
    for number in held.tolist():
        user = User.objects.create(email=f"held-out-{number}@example.org", password="!")
        own = likes.items[likes.users == number]
        people.append(Person([pk_of[item] for item in own.tolist()], str(AccessToken.for_user(user))))
    return people


def published() -> tuple[ServingSimulator, np.ndarray]:
    """The protocol's serving over the rows that the training published, and the movie of each of its positions."""
    from recommendations.models import ModelVersion, MovieEmbedding, PopularMovie  # noqa: PLC0415
    from recommendations.retrieval.version_serving import serving_parameters  # noqa: PLC0415
    from recommendations.vectors.artefacts import mixed_space_load  # noqa: PLC0415

    rows = MovieEmbedding.objects.filter(version__status="live").order_by("movie_id")
    columns = list(zip(*rows.values_list("movie_id", "query_factors", "item_factors"), strict=True))
    movie_ids = np.array(columns[0], np.int64)
    queries, items = (np.array([np.asarray(vector) for vector in column], np.float32) for column in columns[1:])
    version = ModelVersion.objects.live().get()
    space = mixed_space_load(version=version)
    few_shot, following = np.split(queries, [FEW_SHOT_DIMENSIONS], axis=1)
    next_item = None if space is None else NextItemFactors(following, items, space)
    popular = PopularMovie.objects.filter(genre=None).order_by("rank").values_list("movie_id", "score")
    scores = np.zeros(len(movie_ids))
    order = np.searchsorted(movie_ids, [movie_id for movie_id, _ in popular])
    scores[order] = [score for _, score in popular]
    simulator = ServingSimulator(
        few_shot,
        items[:, :FEW_SHOT_DIMENSIONS],
        order,
        scores,
        parameters=serving_parameters(version),
        next_item=next_item,
    )
    return simulator, movie_ids


def ask(person: Person) -> Iterator[tuple[int, list[int]]]:
    """Sends the likes one by one; yields after each number of LIKES_SHOWN the list that is read then."""
    connection = http.client.HTTPConnection(HOST, PORT, timeout=60)
    for number, movie_id in enumerate(person.likes[: max(new_users.LIKES_SHOWN)], start=1):
        if len(person.likes) < number + new_users.MIN_LIKES_LEFT:
            break
        call(connection, person, "POST", "/api/events/", {"movie": movie_id, "kind": "rating", "value": 5})
        if number in new_users.LIKES_SHOWN:
            answer = call(connection, person, "GET", f"/api/recommendations/?limit={K}")
            yield number, [item["movie"]["id"] for item in answer["items"]]
    connection.close()


def call(
    connection: http.client.HTTPConnection, person: Person, method: str, path: str, body: dict[str, Any] | None = None
) -> Any:
    """The answer's JSON. Raises SystemExit for anything but 200 and 201."""
    headers = {"Authorization": f"Bearer {person.token}", "Content-Type": "application/json"}
    connection.request(method, path, None if body is None else json.dumps(body), headers)
    answer = connection.getresponse()
    data = answer.read()
    if answer.status not in (200, 201):
        raise SystemExit(f"{method} {path}: {answer.status} {data[:300]!r}")
    return json.loads(data)


def report(
    people: list[Person], answers: list[dict[int, list[int]]], simulator: ServingSimulator, movie_ids: np.ndarray
) -> Table:
    """A line for each number of likes."""
    table = Table(title=f"nDCG@{K} at {datetime.now(UTC):%Y-%m-%d %H:%M} UTC", title_justify="left")
    for column in ("likes sent", "people", "read over HTTP", "simulated", "the same ten", "in the same order"):
        table.add_column(column, justify="right")
    for shown in new_users.LIKES_SHOWN:
        asked = [(person, answer[shown]) for person, answer in zip(people, answers, strict=True) if shown in answer]
        if not asked:
            continue
        likes = [np.searchsorted(movie_ids, person.likes) for person, _ in asked]
        served = np.stack([np.searchsorted(movie_ids, movies) for _, movies in asked])
        simulated = np.stack([simulate(simulator, own[:shown][::-1]) for own in likes])
        relevant = csr_array((len(asked), len(movie_ids)), dtype=np.float32).tolil()
        for row, own in enumerate(likes):
            relevant[row, own[shown:]] = 1
        found = [float(metrics.ndcg(lists, csr_array(relevant), K).mean()) for lists in (served, simulated)]
        same = np.mean([set(ours) == set(theirs) for ours, theirs in zip(served, simulated, strict=True)])
        order = (served == simulated).all(axis=1).mean()
        table.add_row(str(shown), str(len(asked)), *(f"{x:.4f}" for x in found), f"{same:.1%}", f"{order:.1%}")
    return table


def simulate(simulator: ServingSimulator, signals: np.ndarray) -> np.ndarray:
    """The simulated ten for signals, newest first."""
    return simulator.recommend(signals.tolist(), [5.0] * len(signals), signals, K)


if __name__ == "__main__":
    main()

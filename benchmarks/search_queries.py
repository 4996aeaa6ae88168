"""How well search and moods are understood: the rank of the first right answer to 60 queries.

    DJANGO_SETTINGS_MODULE=recsys_project.settings.local python benchmarks/search_queries.py ml-latest-small.zip \\
        movie-metadata.zip

Works in a database of its own on the configured server, as the tests do: imports the archive and the metadata, trains
without predicted ratings, and asks the queries of ``search_queries.toml`` through the views: those of the kind ``mood``
as ``GET /api/recommendations/?mood=`` of somebody without signals, all others as ``GET /api/movies/search/``. Prints
the mean reciprocal rank (MRR) of the first right answer among the first ten by kind, for the queries that choices are
made with and for those that are only reported, and the median time of a search in milliseconds, without the cache.

``--keep`` leaves the database for the next run, which then only asks; ``--misses`` prints the first answers to the
queries for choosing whose first answer is wrong; ``--queries search_queries_second.toml`` asks a set that is only
reported.
"""

import argparse
import os
import statistics
import sys
import time
import tomllib
from pathlib import Path
from typing import Any, NamedTuple

import django
from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "recsys_project.settings.local")
os.environ.setdefault("LOG_LEVEL", "WARNING")

from movies.movielens.titles import match_key, parse_title  # noqa: E402 -- the path is set above.

DATABASE = "benchmark_search_queries"
QUERIES = Path(__file__).with_suffix(".toml")
K = 10


class Query(NamedTuple):
    """A query with the keys of its right answers; ``choosing`` queries may decide how the search works."""

    kind: str
    text: str
    answers: frozenset[tuple[str, int | None]]
    choosing: bool


class Answer(NamedTuple):
    """The answered movies, best first, the reciprocal rank of the first right one, and the milliseconds it took."""

    titles: list[str]
    reciprocal_rank: float
    milliseconds: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("archive", type=Path, help="ml-latest-small.zip")
    parser.add_argument("metadata", type=Path, help="movie-metadata.zip")
    parser.add_argument("--database", default=DATABASE, help=f"name of the database (default: {DATABASE})")
    parser.add_argument("--keep", action="store_true", help="keep the database, and use the one that was kept")
    parser.add_argument("--misses", action="store_true", help="print the answers that are wrong")
    parser.add_argument("--queries", type=Path, default=QUERIES, help="another set, which is only reported")
    parser.add_argument("--repeat", type=int, default=1, help="times each query is asked; the least time counts")
    options = parser.parse_args()
    django.setup()
    from django.conf import settings  # noqa: PLC0415 -- after the settings are chosen.
    from django.db import connection  # noqa: PLC0415

    settings.TRAINING_RATING_PREDICTION, settings.TRAINING_EVALUATED_PEOPLE = False, 0
    settings.RATELIMIT_ENABLE = False
    settings.ALLOWED_HOSTS = [*settings.ALLOWED_HOSTS, "testserver"]
    settings.DATABASES["default"]["OPTIONS"].pop("pool", None)  # Kept connections would block dropping the database.
    connection.settings_dict["TEST"]["NAME"] = options.database
    name = connection.settings_dict["NAME"]
    connection.creation.create_test_db(verbosity=0, autoclobber=True, keepdb=options.keep)
    try:
        run(options)
    finally:
        connection.creation.destroy_test_db(name, verbosity=0, keepdb=options.keep)


def run(options: argparse.Namespace) -> None:
    """Import and train unless that was done before, ask, print."""
    from movies.models import Movie  # noqa: PLC0415

    if not Movie.objects.exists():
        prepare(options)
    known = {(match_key(title), year) for title, year in Movie.objects.values_list("title", "year")}
    queries = read_queries(options.queries, known)
    ask = asker()
    for query in queries[:3]:  # Loads the encoder and opens the connections.
        ask(query)
    answers = [ask(query) for query in queries]
    for _ in range(options.repeat - 1):
        for place, query in enumerate(queries):
            took = min(answers[place].milliseconds, ask(query).milliseconds)
            answers[place] = answers[place]._replace(milliseconds=took)
    console = Console(width=120)
    console.print(report(queries, answers))
    if options.misses:
        for query, answer in zip(queries, answers, strict=True):
            if query.choosing and answer.reciprocal_rank < 1:
                console.print(f"{answer.reciprocal_rank:.2f} {query.kind}: {query.text} -> {answer.titles[:5]}")


def prepare(options: argparse.Namespace) -> None:
    """Fill the database: movies, ratings and tags, texts, a live version."""
    from events.imports.services import movielens_import  # noqa: PLC0415
    from movies.imports.metadata import metadata_import  # noqa: PLC0415
    from recommendations.training.services import training_run  # noqa: PLC0415

    movielens_import(path=options.archive)
    metadata_import(path=options.metadata, skip_bad=True)
    training_run()


def read_queries(path: Path, known: set[tuple[str, int | None]]) -> list[Query]:
    """The queries of a file with those answers that are ``known``. Raises SystemExit where none is."""
    queries = []
    for kind, asked in tomllib.loads(path.read_text()).items():
        for place, (text, titles) in enumerate(asked.items()):
            parsed = [parse_title(title) for title in titles]
            answers = frozenset({(match_key(title.text), title.year) for title in parsed} & known)
            if not answers:
                raise SystemExit(f"{text}: the catalogue has none of the answers.")
            queries.append(Query(kind, text, answers, choosing=path == QUERIES and place % 2 == 0))
    return queries


def asker() -> Any:
    """Returns a function that asks one query through the views."""
    from django.test import Client  # noqa: PLC0415

    from accounts.models import User  # noqa: PLC0415
    from accounts.tokens import AccessToken  # noqa: PLC0415
    from movies.caching.version_tokens import invalidate_catalogue  # noqa: PLC0415

    user, _ = User.objects.get_or_create(email="search-queries@example.org", defaults={"password": "!"})
    client, token = Client(), AccessToken.for_user(user)

    def ask(query: Query) -> Answer:
        path, field = ("/api/recommendations/", "mood") if query.kind == "mood" else ("/api/movies/search/", "q")
        invalidate_catalogue()  # So that no answer comes from a cache.
        started = time.perf_counter()
        response = client.get(path, {field: query.text, "limit": str(K)}, headers={"Authorization": f"Bearer {token}"})
        took = (time.perf_counter() - started) * 1000
        if response.status_code != 200:
            raise SystemExit(f"{path}: {response.status_code} {response.content[:300]!r}")
        movies = [item["movie"] for item in response.json()["items"]]
        right = [(match_key(movie["title"]), movie["year"]) in query.answers for movie in movies]
        rank = right.index(True) + 1 if True in right else 0
        return Answer([f"{movie['title']} ({movie['year']})" for movie in movies], 1 / rank if rank else 0.0, took)

    return ask


def report(queries: list[Query], answers: list[Answer]) -> Table:
    """A line for each kind, and one for all."""
    table = Table(title=f"MRR@{K} of the first right answer", title_justify="left")
    for column in ("kind", "queries", "choosing", "reported", "all", "median ms"):
        table.add_column(column, justify="left" if column == "kind" else "right")
    pairs = list(zip(queries, answers, strict=True))
    for kind in [*dict.fromkeys(query.kind for query in queries), "all"]:
        own = [(query, answer) for query, answer in pairs if kind in (query.kind, "all")]
        parts = [
            [answer.reciprocal_rank for query, answer in own if query.choosing in wanted]
            for wanted in ({True}, {False}, {True, False})
        ]
        took = statistics.median(answer.milliseconds for query, answer in own)
        ranks = [f"{statistics.mean(part):.3f}" if part else "" for part in parts]
        table.add_row(kind, str(len(own)), *ranks, f"{took:.1f}")
    return table


if __name__ == "__main__":
    main()

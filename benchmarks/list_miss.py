"""How long a personal list takes that no cache has, over HTTP; and how much each person and movie takes up.

    DJANGO_SETTINGS_MODULE=recsys_project.settings.local python benchmarks/list_miss.py

Works in a database of its own on the configured server, as the tests do, and drops it at the end; with ``--keep`` it
stays, with the models beside, and a later run with ``--keep`` starts with it. Movies, people,
ratings, events, lists and vectors are synthetic. Gunicorn runs with the Procfile's configuration, rate limits and
all; each miss is of another person, so that none finds its list computed; then each asks again, which hits. Clients and
server share the cores.
"""

import argparse
import contextlib
import hashlib
import http.client
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.scratch_site import HOST, scratch_database, web_server

DATABASE = "benchmark_list_miss"
PORT = 8765
# Of the few-shot and of the next-item factors.
RANK = 128
HIDDEN_UNITS = 256
LIST_SIZE = 100
SHOWN = 20
RATINGS_EACH = 20
EVENTS_EACH = 5
LISTS = 5000
# The movie of a person's n-th pick: its place among all by popularity is a power of a number that looks random, so that
# people pick and are shown the same movies more often than others, as they do.
_PICK = "floor(%(movies)s * power((({user} * {step} + n * 104729) %% 1000003) / 1000003.0, %(skew)s))::int"
_RATINGS = f"""
    INSERT INTO events_rating (user_id, movie_id, value, rated_at)
    SELECT u.id, %(first)s + {_PICK.format(user="u.id", step=7919)}, 1 + (u.id + n) %% 9 * 0.5,
        now() - n * interval '1 day'
    FROM accounts_user u, generate_series(1, %(each)s) n
    ON CONFLICT DO NOTHING
"""
_EVENTS = f"""
    INSERT INTO events_interaction (event_id, user_id, movie_id, kind, occurred_at, received_at)
    SELECT gen_random_uuid(), u.id, %(first)s + {_PICK.format(user="u.id", step=6101)},
        (ARRAY['like', 'watch', 'view'])[1 + n %% 3], now() - n * interval '1 hour', now()
    FROM accounts_user u, generate_series(1, %(each)s) n
"""
# Of the first LISTS people; all others have one of these, since a million lists would take half an hour.
_LISTS = f"""
    WITH listed AS MATERIALIZED (
        SELECT row_number() OVER (ORDER BY u.id) - 1 AS place,
            ARRAY(
                SELECT %(first)s + pick
                FROM (SELECT {_PICK.format(user="u.id", step=5003)} AS pick, n
                    FROM generate_series(1, 4 * %(each)s) n) picks
                GROUP BY pick ORDER BY min(n) LIMIT %(each)s
            ) AS movie_ids,
            ARRAY(SELECT 1.0 / n FROM generate_series(1, %(each)s) n) AS scores,
            ARRAY(SELECT 1 + n %% 5 FROM generate_series(1, %(each)s) n) AS predicted_ratings
        FROM (SELECT id FROM accounts_user ORDER BY id LIMIT {LISTS}) u
    )
    INSERT INTO batch_recommendations (version_id, user_id, movie_ids, scores, predicted_ratings)
    SELECT %(version)s, u.id, listed.movie_ids, listed.scores, listed.predicted_ratings
    FROM (SELECT id, row_number() OVER (ORDER BY id) - 1 AS place FROM accounts_user) u
    JOIN listed ON listed.place = u.place %% (SELECT count(*) FROM listed)
"""
_CREDITS = """
    INSERT INTO movies_credit (movie_id, person_id, role, position)
    SELECT m.id, p.id, 'director', 0 FROM movies_movie m
    JOIN (SELECT id, row_number() OVER (ORDER BY id) AS place, count(*) OVER () AS people FROM movies_person) p
        ON p.place = 1 + m.id % p.people
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--movies", type=int, default=10_000, help="at least 1000 (default: 10000)")
    parser.add_argument("--people", type=int, default=50_000, help="at least 1000 (default: 50000)")
    parser.add_argument("--skew", type=float, default=3.0, help="1: all movies alike; more: fewer of them (default: 3)")
    parser.add_argument("--clients", type=int, default=4, help="at least 1 (default: 4)")
    parser.add_argument("--requests", type=int, default=2000, help="misses timed (default: 2000)")
    parser.add_argument("--warm-up", type=int, default=500, help="requests that are not timed (default: 500)")
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="keeps the database, and the models in this folder")
    options = parser.parse_args()
    if options.movies < 1000 or options.people < 1000 or options.clients < 1:
        parser.error("--movies and --people must be 1000 or more, --clients 1 or more")
    if not 1 <= options.skew <= 10:
        parser.error("--skew must be from 1 to 10")
    if options.requests < 1 or options.warm_up < 1 or options.requests + options.warm_up > options.people:
        parser.error("--requests and --warm-up must be 1 or more, and no more than --people together")
    kept = contextlib.nullcontext(options.keep) if options.keep else tempfile.TemporaryDirectory()
    with scratch_database(DATABASE, keep=bool(options.keep)) as connection, kept as folder:
        from django.conf import settings  # noqa: PLC0415 -- after Django is set up.

        settings.MODEL_DIR = Path(folder).resolve()
        run(connection, options)


def run(connection: Any, options: argparse.Namespace) -> None:
    """Fill, serve, ask, print."""
    from django.conf import settings  # noqa: PLC0415 -- after Django is set up.

    from movies.caching.version_tokens import invalidate_catalogue  # noqa: PLC0415

    console = Console()
    started = time.perf_counter()
    if not is_filled(options.movies, options.people):
        fill(connection, options.movies, options.people, options.skew)
    console.print(f"filled in {time.perf_counter() - started:.0f} s")
    tokens = person_tokens(options.requests + options.warm_up)
    invalidate_catalogue()  # What Redis has cached of other databases does not count.
    with web_server(PORT, LOG_LEVEL="INFO", MODEL_DIR=str(settings.MODEL_DIR)):
        ask(tokens[: options.warm_up], options.clients)  # What each process reads once and then caches.
        misses = ask(tokens[options.warm_up :], options.clients)
        hits = ask(tokens[options.warm_up :], options.clients)
    console.print(
        f"{options.clients} clients, {options.movies:,} movies (skew {options.skew:g}), {options.people:,} people"
    )
    for name, seconds in (("misses", sorted(misses)), ("hits", sorted(hits))):
        console.print(
            f"{len(seconds)} {name}: p50 {1000 * statistics.median(seconds):.1f} ms, "
            f"p99 {1000 * seconds[int(0.99 * (len(seconds) - 1))]:.1f} ms"
        )
    console.print(f"a miss takes {statistics.median(misses) / statistics.median(hits):.1f} times as long as a hit")
    console.print(sizes(connection, options.people, options.movies))


def is_filled(movies: int, people: int) -> bool:
    """Whether an earlier run has left the database. Raises SystemExit if it is of another size."""
    from accounts.models import User  # noqa: PLC0415
    from movies.models import Movie  # noqa: PLC0415

    found = Movie.objects.count(), User.objects.count()
    if found not in ((0, 0), (movies, people)):
        raise SystemExit(f"The database that was kept has {found[0]} movies and {found[1]} people.")
    return found != (0, 0)


def fill(connection: Any, movies: int, people: int, skew: float = 3.0) -> None:
    """The catalogue with vectors, people with ratings, events and lists, and what is popular."""
    from django.utils import timezone  # noqa: PLC0415

    from movies.models import Genre, Movie, Person  # noqa: PLC0415
    from recommendations.models import ModelVersion, PopularMovie  # noqa: PLC0415
    from recommendations.vectors.indexes import vector_indexes_build  # noqa: PLC0415
    from recommendations.vectors.writing import embeddings_write  # noqa: PLC0415

    rng = np.random.default_rng(0)
    overview = "A film about people who do things in places. " * 8
    Movie.objects.bulk_create(
        (Movie(title=f"Movie {n}", year=1950 + n % 70, overview=overview) for n in range(movies)), batch_size=2000
    )
    ids = np.array(Movie.objects.order_by("pk").values_list("pk", flat=True), np.int64)
    genres = [Genre.objects.create(name=f"Genre {n}", slug=f"genre-{n}") for n in range(20)]
    through = Movie.genres.through
    through.objects.bulk_create(
        (through(movie_id=pk, genre_id=genres[(pk * step) % 20].pk) for pk in ids.tolist() for step in (1, 7)),
        batch_size=5000,
        ignore_conflicts=True,
    )
    Person.objects.bulk_create(Person(name=f"Person {n}") for n in range(movies // 4))
    users_create(connection, people)
    version = ModelVersion.objects.create(status="live")
    # Movies that more people like have longer factors, as trained ones have, and so are near to more people.
    popularity = (1 + np.arange(movies)) ** -0.5
    factors = (rng.normal(size=(movies, 2 * RANK + 1)) * popularity[:, None]).astype(np.float32)
    publish_next_item_space(version, factors, rng)
    content = rng.normal(size=(movies, 384)).astype(np.float32)
    content /= np.linalg.norm(content, axis=1, keepdims=True)
    embeddings_write(
        version=version,
        movie_ids=ids,
        content=content,
        factors=(factors[:, : 2 * RANK], factors),
        trained=np.ones(movies, np.bool_),
        read_at=timezone.now(),
        rating_factors=np.column_stack(
            [rng.normal(3.5, 0.5, movies), np.ones(movies), rng.normal(0.3, 0.3, (movies, 8))]
        ).astype(np.float32),
    )
    vector_indexes_build(version_id=version.pk)
    PopularMovie.objects.bulk_create(
        PopularMovie(movie_id=pk, rank=rank, score=1 / rank) for rank, pk in enumerate(ids[:200].tolist(), start=1)
    )
    shared = {"first": int(ids[0]), "movies": movies, "version": version.pk, "skew": skew}
    with connection.cursor() as cursor:
        # Without checking each row's foreign keys.
        cursor.execute("SET session_replication_role = replica")
        cursor.execute(_CREDITS)
        for sql, each in ((_RATINGS, RATINGS_EACH), (_EVENTS, EVENTS_EACH), (_LISTS, LIST_SIZE)):
            cursor.execute(sql, {**shared, "each": each})
        cursor.execute("RESET session_replication_role")
        cursor.execute("VACUUM (FREEZE, ANALYZE)")
        cursor.execute("CHECKPOINT")


def users_create(connection: Any, people: int) -> None:
    """People who cannot sign in, as copies of one that Django has made, which a million objects would take minutes."""
    from accounts.models import User  # noqa: PLC0415

    User.objects.create(email="p0@example.org", password="!")
    columns = [column.column for column in User._meta.concrete_fields if column.attname not in ("id", "email")]
    copied = ", ".join(f'"{column}"' for column in columns)
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO accounts_user (email, {copied}) SELECT 'p' || n || '@example.org', {copied} "
            "FROM accounts_user, generate_series(1, %s) n",
            [people - 1],
        )


def publish_next_item_space(version: Any, factors: NDArray[np.float32], rng: np.random.Generator) -> None:
    """Write a next-item model's space of the trained size, with random tables, into the version's files."""
    from recommendations.algorithms.listing.query_mixture import MixedSpace  # noqa: PLC0415
    from recommendations.algorithms.listing.sequence_query import SequenceTables  # noqa: PLC0415
    from recommendations.algorithms.pipeline.trained_model import NEXT_ITEM_FILE  # noqa: PLC0415
    from recommendations.algorithms.rankers.next_item import DECAYS  # noqa: PLC0415
    from recommendations.vectors.artefacts import artefacts_folder  # noqa: PLC0415

    def draw(*shape: int) -> NDArray[np.float32]:
        return (0.1 * rng.normal(size=shape)).astype(np.float32)

    tables = SequenceTables(
        np.array([decay.places or 0 for decay in DECAYS], np.float32),
        np.array([decay.seconds or 0 for decay in DECAYS], np.float32),
        draw(len(DECAYS), RANK),
        draw(RANK, HIDDEN_UNITS),
        draw(HIDDEN_UNITS),
        draw(HIDDEN_UNITS, RANK),
        50,
    )
    path = artefacts_folder(version.pk) / NEXT_ITEM_FILE
    MixedSpace.measure(tables, factors, RANK).save(path)
    version.artefacts = {NEXT_ITEM_FILE: hashlib.sha256(path.read_bytes()).hexdigest()}
    version.save(update_fields=["artefacts"])


def person_tokens(people: int) -> list[str]:
    """Access tokens of ``people`` people, drawn at random."""
    from accounts.models import User  # noqa: PLC0415
    from accounts.tokens import AccessToken  # noqa: PLC0415

    return [str(AccessToken.for_user(user)) for user in User.objects.order_by("?")[:people]]


_kept = threading.local()


def get(path: str, token: str = "") -> float:
    """Seconds until the whole answer is there; each client keeps its connection. Raises OSError, or for anything but
    200."""
    if not hasattr(_kept, "connection"):
        _kept.connection = http.client.HTTPConnection(HOST, PORT, timeout=30)
    started = time.perf_counter()
    try:
        _kept.connection.request("GET", path, headers={"Authorization": f"Bearer {token}"} if token else {})
        answer = _kept.connection.getresponse()
        body = answer.read()
    except OSError:
        _kept.connection.close()
        raise
    taken = time.perf_counter() - started
    if answer.status != 200:
        raise SystemExit(f"{path}: {answer.status} {body[:300]!r}")
    if token and body.count(b'"movie":{') != SHOWN:
        raise SystemExit(f"{path}: not a full list: {body[:300]!r}")
    return taken


def ask(tokens: Sequence[str], clients: int) -> list[float]:
    """The seconds of each person's request, ``clients`` of them at a time."""
    with ThreadPoolExecutor(clients) as pool:
        return list(pool.map(lambda token: get(f"/api/recommendations/?limit={SHOWN}", token), tokens))


def sizes(connection: Any, people: int, movies: int) -> Table:
    """What each table takes with its indexes, for each person or movie."""
    table = Table(title="bytes on disk, indexes and all")
    for column in ("table", "of", "each"):
        table.add_column(column, justify="right" if column == "each" else "left")
    tables = {
        "batch_recommendations": ("person", people),
        "events_rating": ("rating", people * RATINGS_EACH),
        "events_interaction": ("event", people * EVENTS_EACH),
        "accounts_user": ("person", people),
        "recommendations_movieembedding": ("movie", movies),
        "movies_movie": ("movie", movies),
    }
    with connection.cursor() as cursor:
        for name, (of, count) in tables.items():
            cursor.execute("SELECT pg_total_relation_size(%s::regclass)", [name])
            table.add_row(name, of, f"{cursor.fetchone()[0] / count:,.0f}")
    return table


if __name__ == "__main__":
    main()

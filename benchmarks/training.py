"""What a training takes by the number of people: seconds, memory and cores of each phase, on generated ratings.

    DJANGO_SETTINGS_MODULE=recsys_project.settings.local python benchmarks/training.py --people 160000
    DJANGO_SETTINGS_MODULE=recsys_project.settings.local python benchmarks/training.py --people 20000 40000 80000 160000
    DJANGO_SETTINGS_MODULE=recsys_project.settings.local python benchmarks/training.py --ml-1m ml-1m.zip

For each number of people: a site in MovieLens' shape (``generated_ratings.py``) is made in a database of its own, the
training runs in a process of its own, and SQL checks what it has published. Peak RSS counts pages of mapped files,
which the system takes back when it needs them; anonymous memory, sampled every 50 ms, does not. The share of the cores
is that of the training and of its PostgreSQL backends. With several numbers of people, a last table has slopes against
the first one. All databases are dropped at the end, except with ``--keep``. 25 million ratings need about 8 GB of disk.

With ``--ml-1m`` the ratings are those of a MovieLens archive, and what the training takes from rows to a published
version is compared with bare fits of the same models in the same run (``training_bare.py`` says what is in them).
"""

import argparse
import json
import os
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.generated_ratings import Shape
from benchmarks.scratch_site import database_url, scratch_database
from benchmarks.training_bare import bare_seconds
from benchmarks.training_process import Measured, train_measured

DATABASE = "benchmark_training"
_LISTS = "FROM batch_recommendations WHERE version_id = %(version)s"
# {name: a number that SQL counts}; the parameter is the published version.
CHECKS = {
    "live versions": "SELECT count(*) FROM recommendations_modelversion WHERE status = 'live'",
    "people with ratings": "SELECT count(*) FROM accounts_user u WHERE EXISTS "
    "(SELECT FROM events_rating r WHERE r.user_id = u.id)",
    "people with a list": f"SELECT count(*) {_LISTS}",
    "people with predicted ratings": f"SELECT count(*) {_LISTS} AND cardinality(predicted_ratings) > 0",
    "movies published": "SELECT count(*) FROM movies_movie WHERE status = 'published'",
    "movies that sessions can get": "SELECT count(*) FROM recommendations_movieembedding "
    "WHERE version_id = %(version)s AND l2_norm(item_factors) > 0",
    "movies with rating factors": "SELECT count(rating_factors) FROM recommendations_movieembedding "
    "WHERE version_id = %(version)s",
    "movies in lists": f"SELECT count(DISTINCT movie) FROM (SELECT unnest(movie_ids) AS movie {_LISTS}) listed",
}


@dataclass
class Run:
    """One size: what was generated, what the training took, and what it left."""

    shape: Shape
    ratings: int
    fill_seconds: float
    measured: Measured
    found: dict[str, int]

    @property
    def failures(self) -> list[str]:
        """What is not as it must be, in words."""
        found, outcome = self.found, self.measured.outcome
        must = {
            f"the version is {outcome['status']}: {outcome['refusal']}": outcome["status"] == "live",
            "not exactly one version is live": found["live versions"] == 1,
            "not everybody has a list": found["people with a list"] == found["people with ratings"],
            "not every movie is ranked": found["movies ranked"] == found["movies published"],
            "sessions cannot get every movie": found["movies that sessions can get"] == found["movies published"],
        }
        return [failure for failure, holds in must.items() if not holds]

    def as_dict(self) -> dict[str, Any]:
        """All figures, for JSON."""
        return {
            "shape": asdict(self.shape),
            "ratings": self.ratings,
            "fill_seconds": self.fill_seconds,
            "phases": [{**asdict(phase), "share_of_cores": phase.share} for phase in self.measured.phases],
            "outcome": self.measured.outcome,
            "found": self.found,
            "failures": self.failures,
        }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--people", type=int, nargs="+", default=[160_000], help="one training each (default: 160000)")
    parser.add_argument("--movies", type=int, default=60_000, help="default: 60000")
    parser.add_argument("--ratings-each", type=float, default=156.25, help="of each person, on average (156.25)")
    parser.add_argument("--whole-stars", action="store_true", help="values as in MovieLens 1M, not 25M")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1, help="default: one for each core")
    parser.add_argument("--keep", action="store_true", help="keeps the databases for the next run with --keep")
    parser.add_argument("--json", type=Path, help="where to write all figures")
    parser.add_argument("--ml-1m", type=Path, metavar="PATH", help="train on this archive, against bare fits")
    options = parser.parse_args()
    if options.ml_1m is not None:
        compare_with_bare(options.ml_1m, options.threads, options.json)
        return
    shapes = []
    for people in options.people:
        try:
            shapes.append(Shape(people, options.movies, options.ratings_each, options.whole_stars, options.seed))
        except ValueError as error:
            parser.error(str(error))
    runs = []
    for shape in shapes:
        runs.append(run(shape, options.threads, keep=options.keep))
        print(f"\n{phase_table(runs[-1].measured)}\n\n{check_table(runs[-1])}", flush=True)
        if options.json is not None:
            options.json.write_text(json.dumps([each.as_dict() for each in runs], indent=1))
    if len(runs) > 1:
        print(f"\n{slope_table(runs)}")
    failures = [f"{each.shape.people:,} people: {failure}" for each in runs for failure in each.failures]
    if failures:
        raise SystemExit("\n".join(failures))


def run(shape: Shape, threads: int, *, keep: bool) -> Run:
    """Makes the site, trains, and checks."""
    name = f"{DATABASE}_{shape.people}"
    with scratch_database(name, keep=keep) as connection, tempfile.TemporaryDirectory() as folder:
        from benchmarks.training_site import fill, is_filled  # noqa: PLC0415 -- after Django is set up.

        began = time.perf_counter()
        if not is_filled(shape):
            fill(connection, shape)
        forget_versions(connection)
        ratings = count(connection, "SELECT count(*) FROM events_rating")
        filled = time.perf_counter() - began
        print(
            f"{shape.people:,} people, {shape.movies:,} movies, {ratings:,} ratings: made in {filled:.0f} s", flush=True
        )
        measured = train_measured(name, database_url(), Path(folder), threads)
        found = {what: count(connection, sql, version=measured.outcome["version"]) for what, sql in CHECKS.items()}
        found["movies ranked"] = measured.outcome["ranked_movies"]
    return Run(shape, ratings, filled, measured, found)


def compare_with_bare(path: Path, threads: int, json_path: Path | None) -> None:
    """Imports an archive, trains, fits the models without the training around them, and prints both."""
    name = f"{DATABASE}_archive"
    with scratch_database(name) as connection, tempfile.TemporaryDirectory() as folder:
        from events.imports.services import movielens_import  # noqa: PLC0415 -- after Django is set up.

        summary = movielens_import(path=path)
        with connection.cursor() as cursor:
            cursor.execute("VACUUM ANALYZE")
        print(f"{summary.dataset}: {summary.ratings_new:,} ratings imported in {summary.seconds:.0f} s", flush=True)
        measured = train_measured(name, database_url(), Path(folder), threads)
        forget_versions(connection)
        bare = bare_seconds(database_url(), Path(folder), threads)
    whole = measured.seconds
    print(f"\n{phase_table(measured)}\n")
    rows = [[name, f"{seconds:,.1f}", f"{whole / seconds:.2f}"] for name, seconds in bare.items()]
    rows.append(["training, from rows to published", f"{whole:,.1f}", "1.00"])
    print(table(["what", "seconds", "the training takes, times as long"], rows))
    if json_path is not None:
        phases = [{**asdict(phase), "share_of_cores": phase.share} for phase in measured.phases]
        found = {"phases": phases, "outcome": measured.outcome, "bare": bare, "seconds": whole}
        json_path.write_text(json.dumps(found, indent=1))


def forget_versions(connection: Any) -> None:
    """Drops the versions of an earlier run, which the training would compare itself with."""
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE recommendations_modelversion CASCADE")


def count(connection: Any, sql: str, **parameters: Any) -> int:
    """The number that a query returns."""
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        return int(cursor.fetchone()[0])


def table(columns: list[str], rows: list[list[str]]) -> str:
    """In Markdown; the first column is text, the others are numbers."""
    rule = ["---", *["---:"] * (len(columns) - 1)]
    return "\n".join(f"| {' | '.join(row)} |" for row in [columns, rule, *rows])


def phase_table(whole: Measured) -> str:
    """Each phase of a training, and all of it."""
    phases = whole.phases
    used = sum(phase.share * phase.seconds for phase in phases) / whole.seconds
    rows = [
        [
            phase.stage,
            f"{phase.seconds:,.1f}",
            f"{phase.peak_rss:,.0f}",
            f"{phase.peak_anonymous:,.0f}",
            f"{phase.share:.0%}",
        ]
        for phase in phases
    ]
    rows.append(
        [
            "all",
            f"{whole.seconds:,.1f}",
            f"{whole.peak('peak_rss'):,.0f}",
            f"{whole.peak('peak_anonymous'):,.0f}",
            f"{used:.0%}",
        ]
    )
    return table(["phase", "seconds", "peak RSS, MiB", "peak anonymous, MiB", "of the cores"], rows)


def check_table(run: Run) -> str:
    """What the training has left in the database, and what it measured of itself."""
    metrics = run.measured.outcome["metrics"]
    names = ("ndcg@10", "rating_rmse", "rating_rmse_baseline")
    rows = [[what, f"{number:,}"] for what, number in run.found.items()]
    rows += [[name, f"{metrics[name]:.4f}"] for name in names if name in metrics]
    if "popularity" in metrics:
        rows.append(["ndcg@10 of popularity", f"{metrics['popularity']['ndcg@10']:.4f}"])
    return table(["what", "found"], rows)


def slope_table(runs: list[Run]) -> str:
    """How seconds and memory grow with people: the exponent of a power of them, against the first size."""
    from math import log  # noqa: PLC0415

    def slope(one: float, other: float, people: float) -> str:
        return f"{log(other / one) / log(people):.2f}" if min(one, other) > 0 and people != 1 else ""

    rows, first = [], runs[0]
    for each in runs:
        people = each.shape.people / first.shape.people
        cells = [f"{each.shape.people:,}", f"{each.ratings:,}", f"{each.measured.seconds:,.1f}"]
        cells.append(slope(first.measured.seconds, each.measured.seconds, people))
        for what in ("peak_rss", "peak_anonymous"):
            cells += [
                f"{each.measured.peak(what):,.0f}",
                slope(first.measured.peak(what), each.measured.peak(what), people),
            ]
        rows.append(cells)
    header = [
        "people",
        "ratings",
        "seconds",
        "exponent",
        "peak RSS, MiB",
        "exponent",
        "peak anonymous, MiB",
        "exponent",
    ]
    stages = list(dict.fromkeys(phase.stage for each in runs for phase in each.measured.phases))
    by_stage = [
        [
            stage,
            *(f"{sum(phase.seconds for phase in each.measured.phases if phase.stage == stage):,.1f}" for each in runs),
        ]
        for stage in stages
    ]
    sizes = [f"seconds with {each.shape.people:,}" for each in runs]
    return f"{table(header, rows)}\n\n{table(['phase', *sizes], by_stage)}"


if __name__ == "__main__":
    main()

"""How long it takes to attribute events and to count the statistics of a day with a million impressions.

    DJANGO_SETTINGS_MODULE=recsys_project.settings.local python benchmarks/attribution.py

Works in a database of its own on the configured server, as the tests do, and drops it at the end. Lists of 100 movies
are shown 20 at a time; "impressions" are the times that a page was shown, so a million of them are 20 million movies.
They are spread over yesterday, the events over the minutes after them: two fifths name their list, two fifths have a
movie of a list without naming it, and one fifth was never shown. Memory is the peak of PostgreSQL's back end, without
what it shares with others, and of this process.
"""

import argparse
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.scratch_site import scratch_database

DATABASE = "benchmark_attribution"
MOVIES, PAGE, PAGES_PER_LIST = 20_000, 20, 5
# List n belongs to person n % people, and has every 200th movie from one that is its own.
_LISTS = """
    INSERT INTO events_servedrecommendation (id, user_id, endpoint, model_version_id, experiment, arm, movie_ids,
        scores, sources, served_at)
    SELECT md5(n::text)::uuid, 1 + n %% %(people)s, 'recommendations', 1 + n %% 2,
        CASE WHEN n %% 3 = 0 THEN 'blend' ELSE '' END, CASE WHEN n %% 3 = 0 THEN 'arm ' || n / 3 %% 2 ELSE '' END,
        ARRAY(SELECT 1 + (n * 7919 + place * 200) %% %(movies)s FROM generate_series(0, 99) place),
        ARRAY(SELECT 1.0 - place / 100.0 FROM generate_series(0, 99) place),
        ARRAY(SELECT (n + place) %% 4 FROM generate_series(0, 99) place),
        %(day)s::timestamptz + n * interval '1 day' / %(lists)s
    FROM generate_series(0, %(lists)s - 1) n
"""
_IMPRESSIONS = """
    INSERT INTO events_listimpression (shown_at, recommendation_id, user_id, start, count)
    SELECT served_at + page * interval '40 seconds', id, user_id, page * %(page)s, %(page)s
    FROM events_servedrecommendation, generate_series(0, %(pages)s - 1) page ORDER BY 1
"""
_EVENTS = """
    INSERT INTO events_interaction (event_id, user_id, movie_id, kind, value, progress, occurred_at, received_at,
        recommendation_id)
    SELECT md5('event' || n)::uuid, list.user_id,
        CASE WHEN n %% 5 = 4 THEN 1 + (list.movie_ids[1] + 77) %% %(movies)s ELSE list.movie_ids[1 + n %% 60] END,
        (ARRAY['click', 'view', 'watch', 'partial', 'like', 'rating', 'hide'])[1 + n %% 7],
        CASE WHEN n %% 7 = 5 THEN 4.0 END, CASE WHEN n %% 7 = 3 THEN 0.5 END, at, at,
        CASE WHEN n %% 5 < 2 THEN list.id END
    FROM (SELECT n, (n::bigint * %(lists)s / %(events)s)::int AS of FROM generate_series(0, %(events)s - 1) n) event
    JOIN events_servedrecommendation list ON list.id = md5(event.of::text)::uuid,
    LATERAL (SELECT served_at + interval '5 minutes' AS at) moment ORDER BY at
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--impressions", type=int, default=1_000_000)
    parser.add_argument("--events", type=int, default=100_000)
    parser.add_argument("--people", type=int, default=50_000)
    options = parser.parse_args()
    with scratch_database(DATABASE):
        run(options.impressions, options.events, options.people)


def run(impressions: int, events: int, people: int) -> None:
    """Fill the log, time each step, print the table."""
    from events.attribution import rollup  # noqa: PLC0415
    from events.attribution.attributing import attribution_reach, outcomes_attribute  # noqa: PLC0415
    from events.attribution.services import statistics_close_days, statistics_refresh  # noqa: PLC0415
    from events.models import RecommendationOutcome, RecommendationStatistic  # noqa: PLC0415

    day = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=1)
    fill(day, impressions, events, people)
    noon, reach = day + timedelta(hours=12), attribution_reach(datetime.now(UTC))
    hour = {"since": noon, "until": noon + timedelta(hours=1), "reach": reach}
    steps: dict[str, Callable[[], Any]] = {
        "attribute an hour's events": lambda: outcomes_attribute(**hour),
        "count an hour": lambda: rollup.hour_count(noon),
        "first run: the whole day, by hours": statistics_refresh,
        "hourly run": lambda: statistics_refresh(now=datetime.now(UTC)),
        "count the day": lambda: rollup.day_count(day),
        "nightly run: three days read again": statistics_close_days,
    }
    table = Table("step", "seconds", "PostgreSQL, MiB", "Python, MiB", "result")
    for name, step in steps.items():
        with peak() as measured:
            started = time.perf_counter()
            result = step()
            seconds = time.perf_counter() - started
        shown = result if isinstance(result, int) else getattr(result, "outcomes", "")
        table.add_row(name, f"{seconds:.2f}", *(f"{value:,.0f}" for value in measured), str(shown))
    console = Console(width=110)
    console.print(table)
    console.print(
        f"{impressions:,} impressions of {PAGE} movies, {events:,} events, {people:,} people: "
        f"{RecommendationOutcome.objects.count():,} outcomes, {RecommendationStatistic.objects.count():,} statistics"
    )


def fill(day: datetime, impressions: int, events: int, people: int) -> None:
    from django.db import connection  # noqa: PLC0415

    from accounts.models import User  # noqa: PLC0415
    from movies.models import Movie  # noqa: PLC0415

    Movie.objects.bulk_create(
        Movie(id=n, title=f"Movie {n}", runtime_minutes=90 + n % 60) for n in range(1, MOVIES + 1)
    )
    User.objects.bulk_create(
        [User(id=n, password="!", dataset="benchmark", dataset_user_id=n) for n in range(1, people + 1)], 5_000
    )
    values = {
        "day": day,
        "movies": MOVIES,
        "people": people,
        "lists": impressions // PAGES_PER_LIST,
        "page": PAGE,
        "pages": PAGES_PER_LIST,
        "events": events,
    }
    with connection.cursor() as cursor:
        for statement in (_LISTS, _IMPRESSIONS, _EVENTS):
            cursor.execute(statement, values)
        cursor.execute("VACUUM ANALYZE")


@contextmanager
def peak() -> Iterator[list[float]]:
    """Private memory at its peak, in MiB: of this connection's back end and of this process; filled in at the end."""
    from django.db import connection  # noqa: PLC0415

    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        (back_end,) = cursor.fetchone()
    highest, done = [0.0, 0.0], threading.Event()

    def watch() -> None:
        while not done.wait(0.05):
            for place, process in enumerate((str(back_end), "self")):
                highest[place] = max(highest[place], _anonymous_mib(process))

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield highest
    finally:
        done.set()
        watcher.join()


def _anonymous_mib(process: str) -> float:
    try:
        lines = Path(f"/proc/{process}/status").read_text().splitlines()
    except OSError:
        return 0.0
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("RssAnon:")), 0.0)


if __name__ == "__main__":
    main()

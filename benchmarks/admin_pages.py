"""What the lists of the admin cost on large tables: time and statements of each list, of its last page, filters and
searches.

    DJANGO_SETTINGS_MODULE=recsys_project.settings.local python benchmarks/admin_pages.py --events 10000000

Works in a database of its own on the configured server, filled by generate_series, and drops it at the end; a million
events take about 600 MB with their indexes. Pages are asked for in this process, by a superuser, so that the times hold
SQL, Python and the template, and no network. With ``--explain`` the slowest statement of each slow page is explained.
"""

import argparse
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.scratch_site import scratch_database

DATABASE = "benchmark_admin_pages"
MOVIES = 20_000
DAYS = 60
# Events for each list that was served; rows of one statement.
EVENTS_A_LIST, CHUNK = 10, 1_000_000
SLOW_MILLISECONDS = 1_000

_PEOPLE = """
    INSERT INTO accounts_user (password, is_superuser, email, display_name, is_active, is_staff, date_joined, dataset,
        dataset_user_id)
    SELECT '!', false, CASE WHEN n %% 5 = 0 THEN 'person' || n || '@example.org' END, '', n %% 1000 <> 0,
        n %% 50000 = 0, now(), CASE WHEN n %% 5 = 0 THEN '' ELSE 'bench' END, CASE WHEN n %% 5 <> 0 THEN n END
    FROM generate_series(1, %(rows)s) n
"""
# A kind in a thousand is a dislike, and none is partial: the worst that a filter by kind can meet.
_EVENTS = """
    INSERT INTO events_interaction (event_id, user_id, movie_id, kind, occurred_at, received_at)
    SELECT gen_random_uuid(), %(user)s + (random() * %(people)s)::int, %(movie)s + (random() * %(movies)s)::int,
        CASE WHEN n %% 1000 = 0 THEN 'dislike' ELSE (ARRAY['view', 'click', 'view', 'watch', 'like'])[1 + n %% 5] END,
        at, at
    FROM generate_series(%(first)s, %(last)s) n,
        LATERAL (SELECT now() - (%(total)s - n) * (interval '1 day' * %(days)s / %(total)s)) AS moment (at)
"""
_RATINGS = """
    INSERT INTO events_rating (user_id, movie_id, value, rated_at)
    SELECT %(user)s + (random() * %(people)s)::int, %(movie)s + (random() * %(movies)s)::int, 1 + n %% 5,
        now() - random() * interval '1 day' * %(days)s
    FROM generate_series(%(first)s, %(last)s) n ON CONFLICT DO NOTHING
"""
_LISTS = """
    INSERT INTO events_servedrecommendation (id, user_id, endpoint, movie_ids, scores, sources, served_at, experiment,
        arm)
    SELECT (lpad(to_hex((extract(epoch FROM at) * 1000)::bigint), 12, '0') || '7' || substr(md5(n::text), 1, 3) || '8'
            || substr(md5(n::text), 4, 15))::uuid,
        %(user)s + (random() * %(people)s)::int, 'recommendations',
        (SELECT array_agg(%(movie)s + (n * 31 + place * 7) %% %(movies)s) FROM generate_series(1, 20) place),
        array_fill(0.5::real, ARRAY[20]), array_fill((n %% 3)::smallint, ARRAY[20]), at,
        CASE WHEN n %% 100 = 0 THEN 'rows' ELSE '' END, CASE WHEN n %% 100 = 0 THEN 'long' ELSE '' END
    FROM generate_series(%(first)s, %(last)s) n,
        LATERAL (SELECT now() - (%(total)s - n) * (interval '1 day' * %(days)s / %(total)s)) AS moment (at)
"""
_IMPRESSIONS = """
    INSERT INTO events_listimpression (shown_at, recommendation_id, user_id, count)
    SELECT served_at, id, user_id, 20 FROM events_servedrecommendation ORDER BY served_at
"""
_OUTCOMES = """
    INSERT INTO events_recommendationoutcome (interaction_id, shown_at, recommendation_id, position, source, named,
        experiment, arm, endpoint)
    SELECT DISTINCT ON (event.id) event.id, list.served_at, list.id, 1, 0, false, '', '', 'recommendations'
    FROM (SELECT * FROM events_servedrecommendation ORDER BY served_at DESC LIMIT 20000) list
    JOIN events_interaction event ON event.user_id = list.user_id AND event.occurred_at >= list.served_at
"""
_NIGHTLY = """
    INSERT INTO batch_recommendations (version_id, user_id, movie_ids, scores, predicted_ratings)
    SELECT %(version)s, id, ARRAY[1, 2, 3], ARRAY[0.9, 0.8, 0.7], ARRAY[]::real[] FROM accounts_user
"""


@dataclass(frozen=True)
class Page:
    """One page to ask for; ``what`` names it in the table."""

    what: str
    url: str


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--people", type=int, default=100_000)
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3, help="of which the fastest counts, after a first one")
    parser.add_argument("--explain", action="store_true", help=f"explain pages over {SLOW_MILLISECONDS} ms")
    options = parser.parse_args()
    with scratch_database(DATABASE) as connection:
        started = time.monotonic()
        fill(connection, options.people, options.events)
        print(f"filled in {time.monotonic() - started:.0f} s")
        client = staff_client()
        slow, most = 0, 0
        for page in pages():
            milliseconds, statements, slowest = ask(client, connection, page, options.rounds)
            print(f"{page.what:<58} {milliseconds:8.1f} ms {statements:3d} statements")
            slow, most = slow + (milliseconds > SLOW_MILLISECONDS), max(most, statements)
            if options.explain and milliseconds > SLOW_MILLISECONDS:
                explain(connection, slowest)
        print(f"pages over {SLOW_MILLISECONDS} ms: {slow}; most statements of a page: {most}")


def fill(connection: Any, people: int, events: int) -> None:
    """The rows. Foreign keys are not checked meanwhile: what they refer to is there."""
    from django.core.cache import cache  # noqa: PLC0415
    from django.utils import timezone  # noqa: PLC0415

    from events.served.partitions import partitions_ensure  # noqa: PLC0415
    from movies.models import Movie  # noqa: PLC0415
    from recommendations.models import ModelVersion  # noqa: PLC0415

    cache.delete_pattern("*")
    now = timezone.now()
    partitions_ensure(now - timedelta(days=day) for day in range(DAYS + 2))
    Movie.objects.bulk_create(
        [Movie(title=f"Movie {n}", year=1950 + n % 75) for n in range(1, MOVIES + 1)], batch_size=2_000
    )
    version = ModelVersion.objects.create(status=ModelVersion.Status.LIVE, algorithm="generated")
    with connection.cursor() as cursor:
        cursor.execute("SET statement_timeout = 0")
        cursor.execute("SET session_replication_role = replica")
        cursor.execute(_PEOPLE, {"rows": people})
        cursor.execute("SELECT min(id) FROM accounts_user")
        user = cursor.fetchone()[0]
        cursor.execute("SELECT min(id) FROM movies_movie")
        given = {"user": user, "people": people - 1, "movie": cursor.fetchone()[0], "movies": MOVIES - 1, "days": DAYS}
        for statement, rows in ((_EVENTS, events), (_RATINGS, events), (_LISTS, events // EVENTS_A_LIST)):
            for first in range(1, rows + 1, CHUNK):
                last = min(first + CHUNK - 1, rows)
                cursor.execute(statement, given | {"first": first, "last": last, "total": rows})
        for statement in (_IMPRESSIONS, _OUTCOMES, _NIGHTLY):
            cursor.execute(statement, {"version": version.pk})
        cursor.execute("SET session_replication_role = origin")
        cursor.execute("RESET statement_timeout")
        cursor.execute("VACUUM ANALYZE")


def staff_client() -> Any:
    from django.test import Client  # noqa: PLC0415

    from accounts.models import User  # noqa: PLC0415

    client = Client(headers={"host": "localhost"})
    client.force_login(User.objects.create_superuser("root@example.org", "a password of a benchmark"))
    return client


def pages() -> Iterator[Page]:
    """Every list, and of those that are read by key the pages in the middle and at the end, filters and searches."""
    from django.contrib import admin  # noqa: PLC0415
    from django.urls import reverse  # noqa: PLC0415

    from recsys_project.staff_admin.keyset import KeysetAdmin  # noqa: PLC0415

    for model, model_admin in admin.site._registry.items():
        base = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
        yield Page(model._meta.label, base)
        if isinstance(model_admin, KeysetAdmin):
            yield from keyset_pages(model, model_admin, base)


def keyset_pages(model: Any, model_admin: Any, base: str) -> Iterator[Page]:
    label, keys = model._meta.label, [*model_admin.keyset]
    rows = model._default_manager.order_by(*keys).values_list(*keys)
    count = min(rows.count(), 5_000)
    if count > 100:
        yield Page(f"{label}, near the end", f"{base}?before={_cursor(rows[count - 1])}")
        yield Page(f"{label}, from the last row upwards", f"{base}?after={_cursor(rows[0])}")
    if model_admin.day_field:
        from django.utils import timezone  # noqa: PLC0415

        day = timezone.now() - timedelta(days=DAYS // 2)
        yield Page(f"{label}, up to a day", f"{base}?until={day:%Y-%m-%d}")
    for term in SEARCHES.get(label, ()):
        yield Page(f"{label}, search {term}", f"{base}?q={term}")
    for query in FILTERS.get(label, ()):
        yield Page(f"{label}, {query}", f"{base}?{query}")


def _cursor(values: tuple[Any, ...]) -> str:
    return quote(",".join(value.isoformat() if hasattr(value, "isoformat") else str(value) for value in values))


_OF_PEOPLE = ("person500@example.org", "77", "movie%20777")
SEARCHES = {
    "accounts.User": ("person5", "person500@example.org", "77", "bench:77"),
    "events.Interaction": (*_OF_PEOPLE, "movie"),
    "events.Rating": (*_OF_PEOPLE, "movie"),
    "events.Tag": _OF_PEOPLE,
    "events.ServedRecommendation": (*_OF_PEOPLE[:2], "rows"),
    "events.ListImpression": _OF_PEOPLE[:2],
}
FILTERS = {
    "accounts.User": (
        *("is_staff__exact=1", "is_active__exact=0", "is_active__exact=1"),
        *("origin=signs-in", "origin=imported", "origin=client"),
    ),
    "events.Interaction": ("kind__exact=view", "kind__exact=dislike", "kind__exact=partial"),
    "events.ServedRecommendation": ("endpoint=groups", "arm=long", "experiment=rows"),
}


def ask(client: Any, connection: Any, page: Page, rounds: int) -> tuple[float, int, str]:
    """The fastest time in ms, the number of statements, and the slowest of them. Raises SystemExit for an error."""
    from django.test.utils import CaptureQueriesContext  # noqa: PLC0415

    with CaptureQueriesContext(connection) as queries:
        answer = client.get(page.url)
    asked = list(queries.captured_queries)  # The next request empties the log.
    if answer.status_code != 200:
        raise SystemExit(f"{page.url}: {answer.status_code}")
    taken = []
    for _ in range(rounds):
        started = time.perf_counter()
        client.get(page.url)
        taken.append(1000 * (time.perf_counter() - started))
    slowest = max(asked, key=lambda query: float(query["time"]))
    return min(taken), len(asked), slowest["sql"]


def explain(connection: Any, statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute("EXPLAIN (ANALYZE, BUFFERS) " + statement.replace("%", "%%"), [])
        for (line,) in cursor.fetchall():
            print(f"    {line}")


if __name__ == "__main__":
    main()

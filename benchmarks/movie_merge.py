"""How long merging, undoing and deleting a movie with many ratings and events take.

    DJANGO_SETTINGS_MODULE=recsys_project.settings.local python benchmarks/movie_merge.py --people 80000

Works in a database of its own on the configured server and drops it at the end. Each person rates and views the
duplicate, every other one rated the remaining movie too. Prints the seconds of each step, once.
"""

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.scratch_site import scratch_database

_RATINGS = """
    INSERT INTO events_rating (user_id, movie_id, value, rated_at)
    SELECT id, %(movie)s, 0.5 * (1 + id %% 10), now() - id * interval '1 min'
    FROM accounts_user WHERE id %% %(each)s = 0
"""
_EVENTS = """
    INSERT INTO events_interaction (event_id, user_id, movie_id, kind, occurred_at, received_at)
    SELECT gen_random_uuid(), id, %(movie)s, 'view', now() - interval '1 day', now() FROM accounts_user
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--people", type=int, default=80_000)
    parser.add_argument("--movies", type=int, default=60_000, help="in the catalogue, for the possible duplicates")
    options = parser.parse_args()
    with scratch_database("benchmark_movie_merge") as connection:
        measure(connection, options.people, options.movies)


def measure(connection: Any, people: int, movies: int) -> None:
    """Fills the tables and times each step."""
    from django.test import Client  # noqa: PLC0415 -- after Django is set up.

    from accounts.models import User  # noqa: PLC0415
    from movies.deletion.services import deletions_run  # noqa: PLC0415
    from movies.merging.services import merge_request, merge_undo_request, merges_run_waiting  # noqa: PLC0415
    from movies.models import Movie  # noqa: PLC0415

    duplicate, target = (Movie.objects.create(title=title, year=1995) for title in ("Heat", "Heat (US)"))
    User.objects.bulk_create(
        (User(dataset="benchmark", dataset_user_id=number, password="!") for number in range(people)), batch_size=5000
    )
    with connection.cursor() as cursor:
        cursor.execute(_RATINGS, {"movie": duplicate.pk, "each": 1})
        cursor.execute(_RATINGS, {"movie": target.pk, "each": 2})
        cursor.execute(_EVENTS, {"movie": duplicate.pk})
        cursor.execute("ANALYZE")
    Movie.objects.bulk_create(
        (Movie(title=f"Movie {number // 2}", year=1950 + number % 70) for number in range(movies)), batch_size=5000
    )
    staff = User.objects.create_superuser("root@example.org", "correct horse battery")
    client = Client(headers={"host": "localhost"})
    client.force_login(staff)
    page = f"/admin/movies/movie/{target.pk}/delete/"
    confirm = f"/admin/movies/movie/merge/?duplicate={duplicate.pk}&target={target.pk}"

    timed("possible duplicates", lambda: client.get("/admin/movies/movie/duplicates/"))
    timed("the confirmation of a merge", lambda: client.get(confirm))
    merge = merge_request(duplicate_id=duplicate.pk, target_id=target.pk, reason="The same film.")
    timed("merge", merges_run_waiting)
    merge_undo_request(merge_id=merge.pk)
    timed("undo", merges_run_waiting)
    merge_request(duplicate_id=duplicate.pk, target_id=target.pk, reason="The same film.")
    timed("merge again", merges_run_waiting)
    timed("the page that deletes", lambda: client.get(page))
    timed("the request that deletes", lambda: client.post(page, {"delete": "1"}))
    timed("the deletion in the background", lambda: deletions_run(seconds=600))
    print(f"{Movie.objects.count()} movies are left.")


def timed(name: str, step: Callable[[], Any]) -> None:
    """Runs the step and prints its seconds. Raises RuntimeError if a page is refused."""
    started = time.perf_counter()
    answer = step()
    if getattr(answer, "status_code", 200) >= 400:
        raise RuntimeError(f"{name}: {answer.status_code}")
    print(f"{name}: {time.perf_counter() - started:.2f} s", flush=True)


if __name__ == "__main__":
    main()

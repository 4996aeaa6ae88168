"""A site with generated ratings (``generated_ratings``) in a scratch database, for the benchmark of the training."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.generated_ratings import Block, GeneratedRatings, Shape
from benchmarks.generated_texts import GENRES, movie_texts

# For the indexes and keys of the ratings, which are built after the rows.
_BUILD_MEMORY = "512MB"


def is_filled(shape: Shape) -> bool:
    """Whether an earlier run has left a database of this shape. Raises SystemExit if it is of another one."""
    from accounts.models import User  # noqa: PLC0415 -- after Django is set up.
    from movies.models import Movie  # noqa: PLC0415

    found = User.objects.count(), Movie.objects.count()
    if found not in ((0, 0), (shape.people, shape.movies)):
        raise SystemExit(f"The database that was kept has {found[0]} people and {found[1]} movies.")
    return found != (0, 0)


def fill(connection: Any, shape: Shape) -> int:
    """Published movies with texts, people, and their ratings; returns how many ratings there are."""
    from benchmarks.list_miss import users_create  # noqa: PLC0415 -- after Django is set up.

    generated = GeneratedRatings(shape)
    movie_ids = movies_create(generated)
    users_create(connection, shape.people)
    from accounts.models import User  # noqa: PLC0415

    user_ids = np.array(User.objects.order_by("pk").values_list("pk", flat=True), np.int64)
    ratings = ratings_create(connection, generated.blocks(), user_ids, movie_ids)
    with connection.cursor() as cursor:
        cursor.execute("VACUUM (FREEZE, ANALYZE)")
        cursor.execute("CHECKPOINT")
    return ratings


def movies_create(generated: GeneratedRatings) -> NDArray[np.int64]:
    """Published movies with title, year, genres and overview; their ids in the order of the generated positions."""
    from movies.models import Genre, Movie  # noqa: PLC0415

    titles, overviews, of_genre = movie_texts(generated.movies, generated.tastes, generated.shape.seed)
    Movie.objects.bulk_create(
        (
            Movie(title=title, year=1950 + n % 75, overview=overview, status=Movie.Status.PUBLISHED)
            for n, (title, overview) in enumerate(zip(titles, overviews, strict=True))
        ),
        batch_size=2000,
    )
    movie_ids = np.array(Movie.objects.order_by("pk").values_list("pk", flat=True), np.int64)
    genres = [Genre.objects.create(name=name, slug=name.lower()).pk for name in GENRES]
    through = Movie.genres.through
    rows, columns = np.nonzero(of_genre)
    through.objects.bulk_create(
        (
            through(movie_id=movie_id, genre_id=genres[genre])
            for movie_id, genre in zip(movie_ids[rows].tolist(), columns.tolist(), strict=True)
        ),
        batch_size=5000,
    )
    return movie_ids


def ratings_create(
    connection: Any, blocks: Iterator[Block], user_ids: NDArray[np.int64], movie_ids: NDArray[np.int64]
) -> int:
    """Copy the ratings in; their keys and indexes are built afterwards. Returns how many there are."""
    from django.db import transaction  # noqa: PLC0415

    from events.imports.deferred_indexes import deferred_indexes, try_exclusive_lock  # noqa: PLC0415
    from movies.db import binary_copy  # noqa: PLC0415

    row = binary_copy.row_type(user_id=">i8", movie_id=">i8", value=">f8", rated_at=">i8")
    total = 0

    def encoded() -> Iterator[memoryview]:
        nonlocal total
        for block in blocks:
            total += len(block)
            rows = binary_copy.pack_rows(
                row,
                user_id=user_ids[block.users],
                movie_id=movie_ids[block.items],
                value=block.values,
                rated_at=binary_copy.timestamps_from_unix(block.times),
            )
            yield memoryview(rows.view(np.uint8).data)

    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"SET LOCAL maintenance_work_mem = '{_BUILD_MEMORY}'")
        if not try_exclusive_lock("events_rating"):
            raise SystemExit("The table of ratings is in use.")
        with deferred_indexes("events_rating"):
            binary_copy.copy_in("events_rating", "user_id, movie_id, value, rated_at", encoded())
    return total

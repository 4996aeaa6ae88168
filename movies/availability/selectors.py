"""Reads where movies are available: as a condition on rows, as ids for lists, and as a movie shows it."""

from django.conf import settings
from django.db import connection
from django.db.models import Exists, JSONField, OuterRef, Q, QuerySet
from django.db.models.expressions import RawSQL

from movies.availability.days import begins, today
from movies.availability.models import MovieAvailability
from movies.models import Movie

_EDGES = """
    SELECT available_from FROM movies_movieavailability WHERE available_from IS NOT NULL
    UNION
    SELECT least(available_to, date '9999-12-30') + 1 FROM movies_movieavailability WHERE available_to IS NOT NULL
"""
_OPEN = """
    region = %(region)s AND (available_from IS NULL OR available_from <= %(day)s)
    AND (available_to IS NULL OR available_to >= %(day)s)
"""
_CLOSED = f"SELECT movie_id FROM movies_movieavailability GROUP BY movie_id HAVING NOT bool_or({_OPEN})"  # noqa: S608 -- no input in it.
_NOT_OPEN = f"""
    SELECT movie.id FROM movies_movie movie WHERE NOT EXISTS (
        SELECT FROM movies_movieavailability WHERE movie_id = movie.id AND {_OPEN}
    )
"""  # noqa: S608
# Raw SQL, because the page of a movie is hot: building the expression took a third of its time.
_WINDOWS = """
    SELECT coalesce(jsonb_agg(jsonb_build_object(
        'region', region, 'available_from', available_from, 'available_to', available_to
    ) ORDER BY region, available_from NULLS FIRST, id), '[]')
    FROM movies_movieavailability WHERE movie_id = movies_movie.id
"""


def available_in(region: str, prefix: str = "") -> Q:
    """A condition on movies: available in the region today. ``prefix`` ("movie__") is for rows that refer to a movie.

    All movies are available in the region "".
    """
    if not region:
        return Q()
    day, of_movie = today(), MovieAvailability.objects.filter(movie=OuterRef(f"{prefix}pk")).order_by()
    begun = Q(available_from=None) | Q(available_from__lte=day)
    open_now = of_movie.filter(begun, Q(available_to=None) | Q(available_to__gte=day), region=region)
    if settings.AVAILABILITY_DEFAULT == "nowhere":
        return Q(Exists(open_now))
    return Q(Exists(open_now)) | ~Q(Exists(of_movie))


def unavailable_movie_ids(region: str) -> frozenset[int]:
    """The movies that are not available in the region today, unpublished ones among them. One query."""
    statement = _NOT_OPEN if settings.AVAILABILITY_DEFAULT == "nowhere" else _CLOSED
    with connection.cursor() as cursor:
        cursor.execute(statement, {"region": region, "day": today()})
        return frozenset(movie_id for (movie_id,) in cursor.fetchall())


def availability_edges() -> tuple[float, ...]:
    """When windows open or close, in seconds of the epoch, ascending: the beginnings of days. One query."""
    with connection.cursor() as cursor:
        cursor.execute(_EDGES)
        return tuple(sorted(begins(day) for (day,) in cursor.fetchall()))


def with_availability(movies: QuerySet[Movie]) -> QuerySet[Movie]:
    """The movies with their windows as ``availability_windows``: dicts with the fields of the model, by region."""
    windows = RawSQL(_WINDOWS, (), output_field=JSONField())  # noqa: S611 -- no input in it.  # nosec B611
    return movies.annotate(availability_windows=windows)

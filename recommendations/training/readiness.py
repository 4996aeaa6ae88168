"""Which movies lack what a recommendation needs: counted a few times a day, read by the page of the catalogue."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.db import connection, transaction
from django.db.models import Exists, Max, OuterRef, Q
from django.utils import timezone

from movies.db.advisory_locks import transaction_lock
from movies.models import Movie
from recommendations.models import LIVE_VERSION, ModelVersion, MovieEmbedding, MovieReadiness

# The places of a person's nightly list that count: what is below is hardly ever shown.
FIRST_PLACES = 20
# Under this many ratings a movie's place comes mostly from its description, and its mean rating is an accident.
FEW_RATINGS = 10


@dataclass(frozen=True, slots=True)
class Issue:
    """Something that a movie lacks. threshold: when it counts; why: what follows, for staff."""

    key: str
    label: str
    threshold: str
    why: str


ISSUES = (
    Issue("no_overview", "No overview", "empty", "Search by meaning and lists of new movies know the title alone."),
    Issue("no_poster", "No poster", "empty", "People rarely choose a movie that they cannot see."),
    Issue("no_genres", "No genre", "none", "It is in no list of a genre, and no filter finds it."),
    Issue("no_vectors", "No vectors", "none of the live version", "It is in no list, and similar to nothing."),
    Issue("few_ratings", "Too few ratings", f"under {FEW_RATINGS}", "Its place comes mostly from its description."),
    Issue(
        "never_listed",
        "Never recommended",
        f"in nobody's first {FIRST_PLACES} places",
        "Nobody sees it in the nightly lists; a rule or a curated row can show it.",
    ),
)

# Known only after a count.
COUNTED = ("few_ratings", "never_listed")

_COUNT = f"""
    WITH rated AS (
        SELECT movie_id, count(*) AS number FROM events_rating GROUP BY 1
    ), listed AS (
        SELECT movie_id, count(*) AS number FROM (
            SELECT unnest(movie_ids[1:%(places)s]) AS movie_id FROM batch_recommendations list
            JOIN recommendations_modelversion version ON version.id = list.version_id AND {LIVE_VERSION}
        ) place GROUP BY 1
    )
    INSERT INTO recommendations_moviereadiness (movie_id, ratings, lists, counted_at)
    SELECT movie.id, coalesce(rated.number, 0), coalesce(listed.number, 0), %(now)s FROM movies_movie movie
    LEFT JOIN rated ON rated.movie_id = movie.id LEFT JOIN listed ON listed.movie_id = movie.id
    ON CONFLICT (movie_id)
        DO UPDATE SET ratings = excluded.ratings, lists = excluded.lists, counted_at = excluded.counted_at
"""  # noqa: S608 -- no input in it.
_SUM = f"""
    SELECT count(*),
        count(*) FILTER (WHERE overview = ''),
        count(*) FILTER (WHERE poster_url = ''),
        count(*) FILTER (WHERE NOT EXISTS (SELECT FROM movies_movie_genres own WHERE own.movie_id = movie.id)),
        count(*) FILTER (WHERE NOT EXISTS (
            SELECT FROM recommendations_movieembedding vectors
            JOIN recommendations_modelversion version ON version.id = vectors.version_id AND {LIVE_VERSION}
            WHERE vectors.movie_id = movie.id
        )),
        count(*) FILTER (WHERE coalesce(readiness.ratings, 0) < %(few)s),
        count(*) FILTER (WHERE coalesce(readiness.lists, 0) = 0)
    FROM movies_movie movie LEFT JOIN recommendations_moviereadiness readiness ON readiness.movie_id = movie.id
    WHERE status = 'published'
"""  # noqa: S608 -- no input in it.


@dataclass(frozen=True, slots=True)
class CatalogueReadiness:
    """published: how many movies are published; lacking: how many of them have each issue, by its key.

    counted_at: of the ratings and lists; None before the first count.
    """

    published: int
    lacking: dict[str, int]
    counted_at: datetime | None


def readiness_count(*, now: datetime | None = None) -> int:
    """Counts each movie's ratings and places in lists again; returns how many movies. One pass over both tables."""
    now = now or timezone.now()
    with transaction.atomic():
        transaction_lock("readiness")
        with connection.cursor() as cursor:
            cursor.execute(_COUNT, {"places": FIRST_PLACES, "now": now})
            counted = int(cursor.rowcount)
        MovieReadiness.objects.exclude(counted_at=now).delete()
    return counted


def catalogue_readiness() -> CatalogueReadiness:
    """The catalogue now. Two queries; one reads every movie."""
    with connection.cursor() as cursor:
        cursor.execute(_SUM, {"few": FEW_RATINGS})
        published, *numbers = cursor.fetchone()
    newest = MovieReadiness.objects.aggregate(newest=Max("counted_at"))["newest"]
    lacking = {issue.key: number for issue, number in zip(ISSUES, numbers, strict=True)}
    return CatalogueReadiness(published, lacking, newest)


def movies_lacking(key: str) -> Q:
    """The condition on movies that have the issue. Raises KeyError for a key that no issue has."""
    live = MovieEmbedding.objects.filter(movie=OuterRef("pk"), version__status=ModelVersion.Status.LIVE)
    counts = MovieReadiness.objects.filter(movie=OuterRef("pk"))
    genres = Movie.genres.through.objects.filter(movie=OuterRef("pk"))
    conditions = {
        "no_overview": Q(overview=""),
        "no_poster": Q(poster_url=""),
        "no_genres": ~Q(Exists(genres)),
        "no_vectors": ~Q(Exists(live)),
        "few_ratings": ~Q(Exists(counts.filter(ratings__gte=FEW_RATINGS))),
        "never_listed": ~Q(Exists(counts.filter(lists__gt=0))),
    }
    return conditions[key]

"""The values of movies as JSON, so that two states of a movie can be compared and an earlier one restored.

A snapshot maps names of fields to values: those of the movie's own columns as they are, ``genres`` as ``[[id, name]]``,
``credits`` as ``[[person id, name, role, position]]``, ``certificates`` as ``{country: certificate}`` and
``availability`` as ``[[region, first day, last day]]`` with days as ISO 8601 or None. Names stand beside ids for
readers; only ids are compared.
"""

from collections.abc import Collection, Iterable
from datetime import date
from typing import Any

from movies.availability.models import MovieAvailability
from movies.models import Credit, Movie, MovieCertificate

Snapshot = dict[str, Any]

COLUMNS = (
    *("title", "year", "status", "overview", "keywords", "runtime_minutes", "language", "poster_url"),
    *("movielens_id", "imdb_id", "tmdb_id"),
)
RELATED = ("genres", "credits", "certificates", "availability")
FIELDS = (*COLUMNS, *RELATED)


def movie_snapshots(movie_ids: Iterable[int], fields: Collection[str] = FIELDS) -> dict[int, Snapshot]:
    """The values of these fields of each movie, by id. One query for the columns, and one for each related field."""
    ids = list(movie_ids)
    columns = [name for name in COLUMNS if name in fields]
    found: dict[int, Snapshot] = {
        pk: dict(zip(columns, values, strict=True))
        for pk, *values in Movie.objects.filter(pk__any_of=ids).order_by().values_list("pk", *columns)
    }
    if "genres" in fields:
        pairs = Movie.genres.through.objects.filter(movie_id__any_of=ids).order_by("genre__name")
        _fill(found, "genres", pairs.values_list("movie_id", "genre_id", "genre__name"))
    if "credits" in fields:
        credits = Credit.objects.filter(movie_id__any_of=ids).order_by("role", "position", "pk")
        _fill(found, "credits", credits.values_list("movie_id", "person_id", "person__name", "role", "position"))
    if "certificates" in fields:
        for snapshot in found.values():
            snapshot["certificates"] = {}
        certificates = MovieCertificate.objects.filter(movie_id__any_of=ids).order_by("country")
        for movie_id, country, certificate in certificates.values_list("movie_id", "country", "certificate"):
            if movie_id in found:
                found[movie_id]["certificates"][country] = certificate
    if "availability" in fields:
        windows = MovieAvailability.objects.filter(movie_id__any_of=ids).order_by("region", "available_from", "pk")
        days = windows.values_list("movie_id", "region", "available_from", "available_to")
        _fill(found, "availability", ((pk, region, _iso(first), _iso(last)) for pk, region, first, last in days))
    return found


def _iso(day: date | None) -> str | None:
    return day.isoformat() if day else None


def _fill(found: dict[int, Snapshot], name: str, rows: Iterable[tuple[Any, ...]]) -> None:
    for snapshot in found.values():
        snapshot[name] = []
    for movie_id, *row in rows:
        if movie_id in found:
            found[movie_id][name].append(row)


def differing(before: Snapshot, after: Snapshot) -> list[str]:
    """The fields of two snapshots whose values differ, in the order of FIELDS; a missing field differs from any."""
    return [name for name in FIELDS if name in after and not same(name, before.get(name, _MISSING), after[name])]


def same(name: str, one: Any, other: Any) -> bool:
    """Whether two values of a field are the same, whatever the people and genres are called by now."""
    if one is _MISSING or other is _MISSING:
        return one is other
    return bool(_comparable(name, one) == _comparable(name, other))


def _comparable(name: str, value: Any) -> Any:
    if name == "genres":
        return sorted(row[0] for row in value)
    if name == "credits":
        return sorted([row[0], *row[2:]] for row in value)
    return value


_MISSING: Any = object()

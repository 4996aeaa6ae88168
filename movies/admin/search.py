"""Search for staff: the matchers of the API over movies of every status, and the ids that people paste.

"toy stroy", "shawshank 1994", "1994 shawshank", ``tt0111161``, ``tmdb:278``, ``movielens:318``, ``id:12`` and bare
numbers all find movies.
"""

import re
from dataclasses import dataclass
from typing import Any

from django.contrib.postgres.search import TrigramWordSimilarity
from django.db import connection, transaction
from django.db.models import F, Func, IntegerField, Q, QuerySet, Value

from movies.filters import MovieFilter
from movies.models import Movie, Person
from movies.movielens.titles import MAX_YEAR, MIN_YEAR
from movies.search import MAX_QUERY_LENGTH, TextMatch, movies_matching
from movies.text import normalise_query, search_key

# Found movies that are shown; nobody reads further.
MAX_FOUND = 400
# A title this similar to the words beside a year is what was meant, so other years are left out.
_CLEAR_TITLE = 0.5
_MAX_INTEGER = 2**31 - 1
# PostgreSQL's threshold for the similarity of a part of a title, and the one for a second look.
_USUAL_SIMILAR, _LEAST_SIMILAR = "0.6", "0.4"
_THRESHOLD = "SELECT set_config('pg_trgm.word_similarity_threshold', %s, true)"
_IMDB = re.compile(r"(?:imdb:)?(tt\d{5,10})", re.IGNORECASE)
_NUMBERED = re.compile(r"(tmdb|movielens|ml|id)[:#]\s?(\d{1,10})", re.IGNORECASE)
_YEAR_BESIDE = re.compile(r"^\(?(?P<first>\d{4})\)?\s+(?P<after>.+)$|^(?P<before>.+?)\s+\(?(?P<last>\d{4})\)?$")
_FIELDS = {"tmdb": "tmdb_id", "movielens": "movielens_id", "ml": "movielens_id", "id": "pk"}


@dataclass(frozen=True)
class StaffMovieFilter(MovieFilter):
    """A movie filter for movies of every status, within a queryset, such as that of a filtered list of the admin."""

    within: QuerySet[Movie] | None = None

    def condition(self, prefix: str = "") -> Q:
        """The restriction and, where the queryset is filtered, that the movie is in it."""
        if self.within is None or not self.within.query.where:
            return self.restriction(prefix)
        return self.restriction(prefix) & Q(**{f"{prefix}pk__in": self.within.order_by().values("pk")})


def movies_found(queryset: QuerySet[Movie], typed: str) -> QuerySet[Movie]:
    """The movies of ``queryset`` that a typed text finds, best first; all of them for a text without letters.

    An id finds that movie alone. At most eight queries for a title, and twice as many with a year. Never raises.
    """
    typed = normalise_query(typed.replace("\x00", ""))[:MAX_QUERY_LENGTH]
    if not typed:
        return queryset
    if (by_id := _id_typed(typed)) is not None:
        return queryset.filter(by_id)
    scores = _scores(queryset, typed)
    if typed.isascii() and typed.isdigit() and int(typed) <= _MAX_INTEGER:
        # "1917" and "300" are titles too.
        numbered = queryset.filter(Q(pk=int(typed)) | Q(movielens_id=int(typed))).order_by("pk")
        scores |= dict.fromkeys(numbered.values_list("pk", flat=True), float("inf"))
    best = sorted(scores, key=lambda movie_id: (-scores[movie_id], movie_id))[:MAX_FOUND]
    place = Func(Value(best), F("pk"), function="array_position", output_field=IntegerField())
    return queryset.filter(pk__any_of=best).order_by(place)


def people_found(queryset: QuerySet[Person], typed: str) -> QuerySet[Person]:
    """The people whose names contain a typed text, in any case and without accents; else those with similar names.

    ``nm0000158`` finds the person of this IMDb id. One query, before that of the result.
    """
    typed = normalise_query(typed.replace("\x00", ""))[:MAX_QUERY_LENGTH]
    key = search_key(typed)
    if not key:
        return queryset
    if re.fullmatch(r"nm\d{5,10}", typed, re.IGNORECASE):
        return queryset.filter(imdb_id=typed.lower())
    named = queryset.filter(search_name__contains=key)
    return named if named.order_by().exists() else queryset.filter(search_name__trigram_similar=key)


def _id_typed(typed: str) -> Q | None:
    """The condition of an id of another site or of this one; None for other texts."""
    if found := _IMDB.fullmatch(typed):
        return Q(imdb_id=found[1].lower())
    if found := _NUMBERED.fullmatch(typed):
        number = int(found[2])
        return Q(**{_FIELDS[found[1].lower()]: number}) if number <= _MAX_INTEGER else Q(pk__in=[])
    return None


def _scores(queryset: QuerySet[Movie], typed: str) -> dict[int, float]:
    """The scores of the movies found, by id."""
    year = _YEAR_BESIDE.match(typed)
    if year and MIN_YEAR <= int(year["first"] or year["last"]) <= MAX_YEAR:
        of_year = queryset.filter(year=int(year["first"] or year["last"]))
        found = _matches(of_year, year["after"] or year["before"])
        if any(match.title >= _CLEAR_TITLE for match in found.values()):
            return {movie_id: match.score for movie_id, match in found.items()}
    return {movie_id: match.score for movie_id, match in _matches(queryset, typed).items()}


def _matches(queryset: QuerySet[Movie], typed: str) -> dict[int, TextMatch]:
    """What the API's matchers find, and titles that contain the text, even within a word; else less similar titles."""
    matches = movies_matching(typed, StaffMovieFilter(within=queryset))
    containing: Any = queryset.filter(search_title__contains=search_key(typed)).order_by("title", "pk")
    for movie_id in containing.values_list("pk", flat=True)[:MAX_FOUND]:
        match = matches.setdefault(movie_id, TextMatch())
        match.title = max(match.title, _CLEAR_TITLE)
    return matches or _less_similar(queryset, search_key(typed))


def _less_similar(queryset: QuerySet[Movie], key: str) -> dict[int, TextMatch]:
    """Titles that are less similar to a search key than the API asks for. Four queries; uses the trigram index."""
    similar: Any = queryset.filter(search_title__trigram_word_similar=key)
    rows = similar.annotate(fit=TrigramWordSimilarity(key, "search_title")).order_by("-fit", "pk")
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_THRESHOLD, [_LEAST_SIMILAR])
        found = list(rows.values_list("pk", "fit")[:MAX_FOUND])
        cursor.execute(_THRESHOLD, [_USUAL_SIMILAR])
    return {movie_id: TextMatch(title=fit) for movie_id, fit in found}

"""Search for movies by people in a role and by country: "director of jaws", "french comedy"."""

from collections.abc import Collection, Sequence

from django.contrib.postgres.expressions import ArraySubquery
from django.contrib.postgres.search import SearchQuery, TrigramSimilarity, TrigramWordSimilarity
from django.db.models import F, Q
from django.db.models.functions import Left

from movies.filters import MovieFilter
from movies.models import Credit, Movie
from movies.query_reading import Origin, Role, directors_in, origin_fits
from movies.text import search_key, unaccented

MAX_FOUND = 200
# The country is read from texts and titles, of at most this many movies, in order of their ids.
MAX_READ = 20_000
# Titles similar to the one in a query; the first with a known director counts.
_MAX_TITLES = 3
# A text about a movie names its director a few words after "directed".
_DIRECTED_WITHIN = range(2, 7)
# Titles that may be in another language; movies.query_reading decides.
_FOREIGN_TITLE = r"^(LE|LES|IL|LO|EL|LOS|LAS|DER|DAS|DU|EINE?|DET) |(^| )(UNE?|DES|ET|UND|DELLA|GLI|OCH) "
# The score of the movie that names the director: the user already knows it.
NAMED_MOVIE_SCORE = 0.3


def movies_of_role(role: Role, movie_filter: MovieFilter) -> dict[int, float]:
    """The movies of the person that a query names, with a confidence from 0 to 1. Up to four queries."""
    names, named_movie = ([role.name], None) if role.name else _directors_of(role.movie)
    found: dict[int, float] = {}
    for name in names[:_MAX_TITLES]:
        for movie_id, score in _of_name(role.role, name, movie_filter).items():
            found[movie_id] = max(found.get(movie_id, 0.0), score)
    if named_movie in found:
        found[named_movie] = NAMED_MOVIE_SCORE
    return found


def _directors_of(title: str) -> tuple[list[str], int | None]:
    """The directors of the movie with this title, and its id: from credits, else from its overview. Two queries."""
    key = search_key(title)
    similar = TrigramSimilarity("search_title", key) + TrigramWordSimilarity(key, "search_title")
    rows = (
        Movie.objects.filter(Q(search_title__trigram_similar=key) | Q(search_title__trigram_word_similar=key))
        .filter(status=Movie.Status.PUBLISHED)
        .annotate(similar=similar, opening=Left("overview", 1000))
        .order_by("-similar", "pk")
        .values_list("pk", "opening")
    )
    movies = dict(rows[:_MAX_TITLES])
    credits = Credit.objects.filter(movie_id__in=movies, role=Credit.Role.DIRECTOR).order_by("position", "pk")
    names: dict[int, list[str]] = {}
    for movie_id, name in credits.values_list("movie_id", "person__name"):
        names.setdefault(movie_id, []).append(name)
    for movie_id, opening in movies.items():
        if directors := names.get(movie_id) or directors_in(opening):
            return directors, movie_id
    return [], None


def _of_name(role: str, name: str, movie_filter: MovieFilter) -> dict[int, float]:
    """The movies with a person of this name or last name in the role, by credits and overviews. Two queries."""
    words = [
        word for word in search_key(unaccented(name)).replace("'", " ").replace("-", " ").split() if word.isalnum()
    ]
    if not words:
        return {}
    key = " ".join(words)
    named = Q(person__search_name=key) | Q(person__search_name__endswith=f" {key}")
    credits = Credit.objects.filter(movie_filter.condition("movie__"), named, role=role).order_by("position", "pk")
    found: dict[int, float] = {}
    for movie_id, position in credits.values_list("movie_id", "position")[:MAX_FOUND]:
        found.setdefault(movie_id, 1.0 - 0.02 * min(position, 15))
    if role == Credit.Role.DIRECTOR:
        phrase = " <-> ".join(f"'{word}'" for word in words)
        within = " | ".join(f"('directed' <{distance}> {phrase})" for distance in _DIRECTED_WITHIN)
        texts = SearchQuery(within, config="english", search_type="raw")
        rows = movie_filter.movies().filter(search_document=texts).order_by("pk")
        for movie_id in rows.values_list("pk", flat=True)[:MAX_FOUND]:
            found.setdefault(movie_id, 0.95)
    return found


def movies_of_origin(origin: Origin, genres: Sequence[tuple[str, ...]], movie_filter: MovieFilter) -> dict[int, float]:
    """The movies from a country, with a genre of each of ``genres``, and the confidence from 0 to 1.

    One query, which reads the titles and the beginnings of the overviews of all candidates.
    """
    named = SearchQuery(origin.word, config="english", search_type="phrase")
    candidate = Q(search_document=named)
    if origin.language:
        candidate |= Q(language__iexact=origin.language)
    if origin.function_words:
        candidate |= Q(search_title__contains="(") | Q(search_title__regex=_FOREIGN_TITLE)
    movies = movie_filter.movies().filter(candidate)
    for names in genres:
        of_genre = Movie.genres.through.objects.filter(genre__name__in=names).order_by()
        movies = movies.filter(pk__any_of=ArraySubquery(of_genre.values("movie_id")))
    rows = movies.order_by("pk").annotate(opening=Left(F("overview"), 300))
    fits = {
        movie_id: origin_fits(origin, language, title, opening)
        for movie_id, language, title, opening in rows.values_list("pk", "language", "search_title", "opening")[
            :MAX_READ
        ]
    }
    return {movie_id: fit for movie_id, fit in fits.items() if fit > 0}


def movies_about(topics: Sequence[str], movie_ids: Collection[int]) -> set[int]:
    """Which of these movies have one of the topics in their texts. One query, or none without topics."""
    if not topics or not movie_ids:
        return set()
    words = SearchQuery(" or ".join(f'"{topic}"' for topic in topics), config="english", search_type="websearch")
    return set(Movie.objects.filter(pk__any_of=movie_ids, search_document=words).values_list("pk", flat=True))

"""The movies' texts, as the content encoder reads them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable

from django.db.models import Count
from django.db.models.functions import Lower

from events.models import Tag
from movies.models import Credit, Movie
from recommendations.algorithms.content.lsa import MovieContent

# The leading actors say what kind of movie it is; a long tail of names does not.
MAX_CAST = 10
# Tags are keywords by people: of a movie, those that most people gave it.
MAX_TAGS = 15


def movie_contents_read(movie_ids: Collection[int] | None = None) -> list[MovieContent]:
    """Texts of movies, published or not, but for merged ones; of all movies by default. Four queries."""
    movies = Movie.objects.exclude(status=Movie.Status.MERGED).order_by("pk")
    genres = Movie.genres.through.objects.order_by("genre__name")
    credits = Credit.objects.filter(position__lt=MAX_CAST).order_by("role", "position", "pk")
    tags = Tag.objects.values("movie_id", word=Lower("text")).annotate(people=Count("user", distinct=True))
    tags = tags.order_by("movie_id", "-people", "word")
    if movie_ids is not None:
        movies = movies.filter(pk__in=movie_ids)
        genres = genres.filter(movie__in=movie_ids)
        credits = credits.filter(movie__in=movie_ids)
        tags = tags.filter(movie__in=movie_ids)
    genres_of = _grouped(genres.values_list("movie_id", "genre__name"))
    people_of = _grouped(credits.values_list("movie_id", "person__name"))
    tags_of = _grouped(tags.values_list("movie_id", "word"))
    return [
        MovieContent(
            pk,
            title,
            year,
            overview,
            genres_of.get(pk, ()),
            people_of.get(pk, ()),
            tuple(dict.fromkeys([*keywords, *tags_of.get(pk, ())[:MAX_TAGS]])),
        )
        for pk, title, year, overview, keywords in movies.values_list("pk", "title", "year", "overview", "keywords")
    ]


def _grouped(pairs: Iterable[tuple[int, str]]) -> dict[int, tuple[str, ...]]:
    groups: dict[int, list[str]] = defaultdict(list)
    for movie_id, name in pairs:
        groups[movie_id].append(name)
    # Somebody who both directed and acted counts once.
    return {movie_id: tuple(dict.fromkeys(names)) for movie_id, names in groups.items()}

"""How well movies fit a mood: by their genres, tags, keywords and decades, and by what their texts mean."""

from collections.abc import Collection

from django.db.models.functions import Lower

from events.models import Tag
from movies.lexicon import Sense, genre_names
from movies.models import Movie
from recommendations.retrieval.candidates import content_cosines
from recommendations.vectors.text_query import TextMeaning

# The weight of the cosine of texts where the lexicon has words of the mood. A movie about which little is written has
# the largest cosines, so they decide only among movies of the same genres.
TEXT_WEIGHT = 0.3
# A movie of the genre or decade, and one that is also tagged so.
GENRE_FIT = 0.75
TAG_FIT = 0.25


def mood_fits(mood: TextMeaning, movie_ids: Collection[int]) -> dict[int, float]:
    """How well each of these movies fits a mood that has a vector: at most 1, below 0 for the opposite.

    One query; four if the lexicon knows words of the mood.
    """
    if mood.vector is None:
        return {}
    cosines = content_cosines(mood.version_id, mood.vector, movie_ids)
    if not mood.senses:
        return cosines
    genres: dict[int, set[str]] = {}
    through = Movie.genres.through.objects.filter(movie_id__any_of=movie_ids).order_by()
    for movie_id, name in through.values_list("movie_id", "genre__name"):
        genres.setdefault(movie_id, set()).add(name)
    wanted = {keyword for sense in mood.senses for keyword in sense.keywords}
    words: dict[int, set[str]] = {}
    tags = Tag.objects.filter(movie_id__any_of=movie_ids).annotate(word=Lower("text")).filter(word__in=wanted)
    for movie_id, word in tags.order_by().values_list("movie_id", "word"):
        words.setdefault(movie_id, set()).add(word)
    fits: dict[int, float] = {}
    movies = Movie.objects.filter(pk__any_of=movie_ids).order_by()
    for movie_id, year, keywords in movies.values_list("pk", "year", "keywords"):
        known = words.get(movie_id, set()) | {keyword.lower() for keyword in keywords}
        own = [_fit(sense, genres.get(movie_id, set()), known, year) for sense in mood.senses]
        fits[movie_id] = (1 - TEXT_WEIGHT) * sum(own) / len(own) + TEXT_WEIGHT * cosines.get(movie_id, 0.0)
    return fits


def _fit(sense: Sense, genres: set[str], keywords: set[str], year: int | None) -> float:
    """How well a movie fits one sense, 0 to 1. Of a movie of many genres, each says less."""
    shared = len(genres & set(genre_names(sense)))
    of_genre = shared / len(genres) if shared else 0.0
    of_decade = 1.0 if sense.years and year is not None and year // 10 * 10 in sense.years else 0.0
    tagged = bool(keywords & set(sense.keywords))
    # Where no genre says it, a tag does.
    described = max(of_genre, of_decade, 0.7 * tagged)
    return GENRE_FIT * described + TAG_FIT * tagged

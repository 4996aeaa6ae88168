"""The list of genres, and the lookup of a genre by its slug."""

from typing import Any

from django.core.exceptions import ValidationError

from movies.models import Genre
from movies.selectors import genre_counts
from recommendations.discovery.stamped_cache import cached
from recommendations.retrieval.config import serving_config


def genre_id_of(slug: str | None) -> int | None:
    """The id of the genre with this slug; None without a slug. One query with a slug.

    Raises ValidationError that names ``genre`` if there is no such genre.
    """
    if slug is None:
        return None
    genre_id = Genre.objects.filter(slug=slug).values_list("pk", flat=True).first()
    if genre_id is None:
        raise ValidationError({"genre": "There is no genre of that slug."})
    return genre_id


def genre_list() -> list[dict[str, Any]]:
    """All genres by name: ``{"slug", "name", "movie_count"}``, with the number of published movies.

    Cached for GENRES_CACHE_SECONDS, or until the catalogue changes.
    """
    return cached("genres", serving_config().genres_cache_seconds, genre_counts)

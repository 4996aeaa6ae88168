"""Which movie a merged one leads to. Small queries: merged movies have an index of their own."""

from collections.abc import Collection

from movies.models import Movie


def movies_merged_into(movie_ids: Collection[int]) -> dict[int, int]:
    """The ids of the movies that these were merged into, by their own ids; others are left out. One query, if ids."""
    if not movie_ids:
        return {}
    merged = Movie.objects.filter(pk__in=movie_ids, merged_into__isnull=False)
    return {pk: into for pk, into in merged.values_list("pk", "merged_into_id") if into is not None}

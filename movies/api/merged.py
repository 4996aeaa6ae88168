"""The error for a movie that is not there: of a merged one it says which movie it is now."""

from rest_framework.exceptions import NotFound

from movies.merging.aliases import movies_merged_into
from movies.models import Movie


class MovieMerged(NotFound):
    """404 with the id of the movie that this one was merged into, in the field ``merged_into``."""

    default_code = "movie_merged"

    def __init__(self, movie_id: int, merged_into: int) -> None:
        super().__init__(f"Movie {movie_id} was merged into movie {merged_into}.")
        self.error_fields = {"merged_into": [str(merged_into)]}


def movie_not_found(movie_id: int) -> NotFound:
    """MovieMerged if the movie was merged into a published one, else a plain 404. Two queries at most."""
    into = movies_merged_into([movie_id]).get(movie_id)
    if into is None or not Movie.objects.filter(pk=into, status=Movie.Status.PUBLISHED).exists():
        return NotFound()
    return MovieMerged(movie_id, into)

"""Movies that staff cannot change: merged ones, which undoing the merge brings back, and those being deleted."""

from collections.abc import Collection

from movies.models import Movie, MovieDeletion


def movies_frozen(movie_ids: Collection[int]) -> dict[int, str]:
    """Why each of these movies cannot be changed, by id; movies that can be are left out. Two queries.

    Lock the movies first: merging and deleting lock them, too.
    """
    ids = list(movie_ids)
    merged = Movie.objects.filter(pk__any_of=ids, status=Movie.Status.MERGED).order_by()
    deleted = MovieDeletion.objects.filter(movie_id__in=ids, finished_at=None).order_by()
    found = {pk: f"Movie {pk} is merged into movie {into}." for pk, into in merged.values_list("pk", "merged_into_id")}
    return found | {pk: f"Movie {pk} is being deleted." for pk in deleted.values_list("movie_id", flat=True)}

"""Changes to the catalogue by staff.

Each sets ``content_changed_at``, for the embedding refresh, invalidates cached lists once it has committed, and is
recorded in the history of the movies.
"""

from collections.abc import Collection, Iterable, Sequence

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from movies.caching.version_tokens import invalidate_catalogue_on_commit
from movies.changes.frozen import movies_frozen
from movies.changes.models import MovieChange
from movies.changes.services import changes_recorded
from movies.models import Genre, Movie, MovieDeletion
from movies.text import normalise_line

MAX_KEYWORDS = 100
_BATCH_SIZE = 500


def movies_publish(*, movie_ids: Iterable[int], user_id: int | None = None) -> int:
    """Publishes these movies, so that they are listed and recommended; returns how many were not published before.

    Those that were merged or are being deleted stay as they are.

    user_id: who does it, for the history.
    """
    return _movies_set_status(movie_ids, Movie.Status.PUBLISHED, user_id)


def movies_hide(*, movie_ids: Iterable[int], user_id: int | None = None) -> int:
    """Hides these movies from the catalogue and every list, from the next request on; returns how many changed.

    user_id: who does it, for the history.
    """
    return _movies_set_status(movie_ids, Movie.Status.HIDDEN, user_id)


def _movies_set_status(movie_ids: Iterable[int], status: Movie.Status, user_id: int | None) -> int:
    ids = list(movie_ids)
    with changes_recorded(movie_ids=ids, user_id=user_id, kind=MovieChange.Kind.BULK, fields=["status"]):
        others = Movie.objects.filter(pk__in=ids).exclude(status__in=[status, Movie.Status.MERGED])
        others = others.exclude(pk__in=MovieDeletion.objects.filter(finished_at=None).values("movie_id"))
        changed = others.update(status=status, content_changed_at=timezone.now())
        if changed:
            invalidate_catalogue_on_commit()
    return changed


def movies_tag(
    *,
    movie_ids: Iterable[int],
    add_genres: Collection[Genre] = (),
    remove_genres: Collection[Genre] = (),
    add_keywords: Sequence[str] = (),
    remove_keywords: Sequence[str] = (),
    user_id: int | None = None,
) -> int:
    """Adds genres and keywords to these movies and removes others; returns how many movies changed.

    Those that were merged or are being deleted stay as they are.

    Keywords are compared ignoring case, and keep their order. Raises ValidationError for a genre or keyword that is
    both added and removed, a keyword that is too long, and for more than MAX_KEYWORDS of a movie; then nothing changes.
    """
    add_keywords = _keywords(add_keywords)
    removed = {keyword.casefold() for keyword in _keywords(remove_keywords)}
    both = [str(genre) for genre in add_genres if genre in remove_genres]
    both += [keyword for keyword in add_keywords if keyword.casefold() in removed]
    if both:
        raise ValidationError(f"{both[0]} cannot be added and removed at once.")
    ids = list(movie_ids)
    with changes_recorded(movie_ids=ids, user_id=user_id, kind=MovieChange.Kind.BULK, fields=["genres", "keywords"]):
        frozen = movies_frozen(ids)
        ids = [movie_id for movie_id in ids if movie_id not in frozen]
        changed = _genres_change(ids, add_genres, remove_genres) | _keywords_change(ids, add_keywords, removed)
        if changed:
            movies_content_changed(movies=Movie.objects.filter(pk__any_of=list(changed)))
    return len(changed)


def _genres_change(ids: list[int], add: Collection[Genre], remove: Collection[Genre]) -> set[int]:
    """Returns the movies whose genres change."""
    pairs = Movie.genres.through.objects.filter(movie_id__any_of=ids).order_by()
    outgoing = pairs.filter(genre__in=remove)
    changed = set(outgoing.values_list("movie_id", flat=True))
    outgoing.delete()
    for genre in add:
        have = set(pairs.filter(genre=genre).values_list("movie_id", flat=True))
        missing = [pk for pk in Movie.objects.filter(pk__any_of=ids).values_list("pk", flat=True) if pk not in have]
        rows = [Movie.genres.through(movie_id=pk, genre_id=genre.pk) for pk in missing]
        Movie.genres.through.objects.bulk_create(rows, batch_size=_BATCH_SIZE)
        changed.update(missing)
    return changed


def _keywords_change(ids: list[int], add: Sequence[str], removed: Collection[str]) -> set[int]:
    """Returns the movies whose keywords change."""
    if not add and not removed:
        return set()
    changed = []
    for movie in Movie.objects.filter(pk__any_of=ids).order_by("pk").only("title", "keywords"):
        kept = [keyword for keyword in movie.keywords if keyword.casefold() not in removed]
        have = {keyword.casefold() for keyword in kept}
        kept += [keyword for keyword in add if keyword.casefold() not in have]
        if len(kept) > max(MAX_KEYWORDS, len(movie.keywords)):
            raise ValidationError(f"{movie.title} would have more than {MAX_KEYWORDS} keywords.")
        if kept != movie.keywords:
            movie.keywords = kept
            changed.append(movie)
    Movie.objects.bulk_update(changed, ["keywords"], batch_size=_BATCH_SIZE)
    return {movie.pk for movie in changed}


def _keywords(given: Sequence[str]) -> list[str]:
    """The keywords in their stored form, each once. Raises ValidationError for one that is too long."""
    field = Movie._meta.get_field("keywords").base_field
    keywords: dict[str, str] = {}
    for text in given:
        keyword = normalise_line(text)
        if keyword:
            keywords.setdefault(keyword.casefold(), str(field.clean(keyword, None)))
    return list(keywords.values())


@transaction.atomic
def movies_content_changed(*, movies: QuerySet[Movie]) -> int:
    """Marks the content of these movies, which their vectors and cards are built from, as changed; returns how many."""
    changed = movies.order_by().update(content_changed_at=timezone.now())
    invalidate_catalogue_on_commit()
    return changed

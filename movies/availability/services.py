"""Writes where movies are available. In force with the next request."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date

import structlog
from django.core.exceptions import ValidationError
from django.db import transaction

from movies.availability.models import MovieAvailability
from movies.availability.regions import REGIONS, region_error
from movies.caching.version_tokens import invalidate_catalogue
from movies.changes.models import MovieChange
from movies.changes.services import changes_recorded

logger = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Window:
    """Days in which a movie is available in a region, both included; None is no bound."""

    region: str
    available_from: date | None = None
    available_to: date | None = None

    def check(self) -> None:
        """Raises ValidationError naming ``region`` or ``available_to``."""
        if self.region not in REGIONS:
            raise ValidationError({"region": region_error(self.region)})
        if self.available_from and self.available_to and self.available_from > self.available_to:
            raise ValidationError({"available_to": "The last day must not be before the first one."})


def availability_set(
    *,
    movie_ids: Collection[int],
    windows: Sequence[Window],
    keep_other_regions: bool = False,
    user_id: int | None = None,
) -> int:
    """Gives each of these movies these windows in place of its own; returns how many movies there are.

    The change is in the history of each movie as user_id's.

    Without windows a movie is available as AVAILABILITY_DEFAULT says. keep_other_regions: windows of regions that
    ``windows`` does not name stay. Raises ValidationError naming ``region``, ``available_to`` or ``movies``.
    """
    for window in windows:
        window.check()
    if len({(window.region, window.available_from) for window in windows}) < len(windows):
        raise ValidationError({"region": "Two windows of one region begin on the same day."})
    with changes_recorded(
        movie_ids=movie_ids, user_id=user_id, kind=MovieChange.Kind.BULK, fields=["availability"]
    ) as known:
        if unknown := sorted(set(movie_ids) - set(known)):
            raise ValidationError({"movies": f"There is no movie of the id {unknown[0]}."})
        _replace(known, windows, keep_other_regions)
    logger.info("availability_set", movies=len(known), windows=len(windows))
    return len(known)


def _replace(movie_ids: Sequence[int], windows: Sequence[Window], keep_other_regions: bool) -> None:
    old = MovieAvailability.objects.filter(movie_id__any_of=movie_ids)
    if keep_other_regions:
        old = old.filter(region__in={window.region for window in windows})
    old.delete()
    MovieAvailability.objects.bulk_create(
        [
            MovieAvailability(
                movie_id=movie_id,
                region=window.region,
                available_from=window.available_from,
                available_to=window.available_to,
            )
            for movie_id in movie_ids
            for window in windows
        ],
        batch_size=5000,
    )
    availability_changed()


def availability_changed() -> None:
    """Makes a change of windows count from the next request on. A trigger has recorded it in its transaction."""
    transaction.on_commit(invalidate_catalogue)

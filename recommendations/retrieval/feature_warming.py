"""Fills the feature cache of this process in the background, so that lists need not fetch what they use first.

After a change of the catalogue a process has a new, empty cache, and most of its next 500 missed lists would fetch the
cards and factors of movies, which is a third of what they cost.
"""

import time
from collections.abc import Callable

from django.conf import settings

from movies.models import Movie
from recommendations.retrieval.candidates import live_model
from recommendations.retrieval.movie_features import MovieFeatureCache, held_cache

# Few enough that a request never waits long for the interpreter.
MOVIES_AT_ONCE = 200
# What requests get of this thread's time.
PAUSE_SECONDS = 0.02


def features_warm(
    cache: MovieFeatureCache, *, wait: Callable[[float], object] = time.sleep, ends: Callable[[], bool] = lambda: False
) -> int:
    """Fetches the features of all published movies under the live version, a few at a time. Returns their number.

    Does nothing with more than FEATURE_WARM_MOVIES of them; stops as soon as the process holds another cache, or at
    ``ends``. wait: between two fetches, with the seconds.
    """
    limit: int = settings.FEATURE_WARM_MOVIES
    published = Movie.objects.filter(status=Movie.Status.PUBLISHED).order_by("pk")
    movie_ids = list(published.values_list("pk", flat=True)[: limit + 1]) if limit > 0 else []
    if len(movie_ids) > limit:
        return 0
    version_id = live_model().version_id
    for start in range(0, len(movie_ids), MOVIES_AT_ONCE):
        if held_cache() is not cache or ends():
            return start
        cache.collect(movie_ids[start : start + MOVIES_AT_ONCE], version_id)
        wait(PAUSE_SECONDS)
    return len(movie_ids)

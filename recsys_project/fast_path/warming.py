"""The thread that fills a web process's feature cache after the catalogue or the live version has changed."""

import threading
import time

import structlog
from django.db import connection

from recommendations.retrieval.feature_warming import features_warm
from recommendations.retrieval.movie_features import MovieFeatureCache, held_cache
from recsys_project.fast_path.own_connection import use_own_connection

logger = structlog.get_logger(__name__)

POLL_SECONDS = 0.5
# While the catalogue changes again and again, the cache is filled no more often than this.
EVERY_SECONDS = 15.0


class Warming(threading.Thread):
    """It waits for the first list under a new state, and connects to PostgreSQL only while it reads."""

    def __init__(self) -> None:
        super().__init__(name="feature-warming", daemon=True)
        self._ending = threading.Event()
        self._warmed: MovieFeatureCache | None = None

    def run(self) -> None:
        use_own_connection()
        while not self._ending.wait(POLL_SECONDS):
            if self.poll():
                self._ending.wait(EVERY_SECONDS)

    def end(self) -> None:
        """Makes the thread end soon."""
        self._ending.set()

    def poll(self) -> bool:
        """Fills the cache if it is a new one. Returns whether it was; never raises."""
        cache, began = held_cache(), time.monotonic()
        if cache is None or cache is self._warmed:
            return False
        # Also where it fails: then lists fetch what they need.
        self._warmed = cache
        try:
            movies = features_warm(cache, wait=self._ending.wait, ends=self._ending.is_set)
            logger.info("features_warmed", movies=movies, seconds=round(time.monotonic() - began, 1))
        except Exception as error:
            logger.warning("features_not_warmed", reason=type(error).__name__)
        finally:
            connection.close()
        return True

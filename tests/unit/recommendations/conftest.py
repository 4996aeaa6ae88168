"""A small world with two tastes, a place for model files, and another process that trains."""

from collections.abc import Callable, Iterator
from dataclasses import replace

import psycopg
import pytest
from django.db import connection

from accounts.models import User
from events.models import Rating
from movies.db import advisory_locks as locks
from movies.models import Genre, Movie
from recommendations.algorithms.ratings.bayesian_mf import ChainConfig
from recommendations.algorithms.ratings.predictor import RatingPredictorConfig
from recommendations.training import config
from tests.factories import make_imported_user, make_movie
from tests.snapshots import Snapshot


@pytest.fixture(autouse=True)
def _model_dir(settings, tmp_path):
    settings.MODEL_DIR = tmp_path / "models"


@pytest.fixture(autouse=True)
def _few_sweeps(monkeypatch):
    """The ratings of twelve people need no long chains, which would take half of each training."""
    few = ChainConfig(sweeps=8, burn_in=4)
    monkeypatch.setattr(config, "rating_config", _with_chain(config.rating_config, few))


def _with_chain(
    make: Callable[[], RatingPredictorConfig | None], chain: ChainConfig
) -> Callable[[], RatingPredictorConfig | None]:
    def configured() -> RatingPredictorConfig | None:
        made = make()
        return None if made is None else replace(made, chain=chain)

    return configured


class World:
    """Twelve people, half of whom rate the eight crime films high, half the eight family films.

    Each has left out two films of their own taste and hated one of the other.
    """

    def __init__(self) -> None:
        self.crime = [make_movie(f"Crime {n}", genres=["Crime"], overview=f"a thief and police {n}") for n in range(8)]
        self.family = [make_movie(f"Toys {n}", genres=["Family"], overview=f"toys and children {n}") for n in range(8)]
        self.people = [make_imported_user("ml-test", n + 1) for n in range(12)]
        ratings = []
        for n, person in enumerate(self.people):
            own, other = (self.crime, self.family) if n % 2 == 0 else (self.family, self.crime)
            for place, movie in enumerate(own):
                if place not in (n // 2, (n // 2 + 3) % 8):
                    ratings.append(Rating(user=person, movie=movie, value=4.0 + (place % 3) / 2))
            ratings.append(Rating(user=person, movie=other[n // 2], value=1.0))
        Rating.objects.bulk_create(ratings)

    def movies(self) -> list[Movie]:
        return self.crime + self.family

    def fan_of_crime(self) -> User:
        return self.people[0]


# Each after those that its rows name.
_world = Snapshot(World, [Movie, Genre, Movie.genres.through, User, Rating])


@pytest.fixture
def world(db: None) -> World:
    return _world()


@pytest.fixture
def committed_world(transactional_db: None) -> World:
    return _world()


@pytest.fixture
def another_process_trains(transactional_db: None) -> Iterator[Callable[[], None]]:
    """Holds the training lock on a connection of its own; call it to let go as a killed process would."""
    other = psycopg.connect(**connection.get_connection_params(), autocommit=True)
    other.execute("SELECT pg_advisory_lock(%s, %s)", [locks._NAMESPACE, locks._key("training")])

    def end() -> None:
        # The server notices a closed connection a moment later; letting go first spares the test a wait.
        other.execute("SELECT pg_advisory_unlock_all()")
        other.close()

    yield end
    other.close()


@pytest.fixture
def end_back_end() -> Callable[[], None]:
    """Ends the database's back end of this very process's connection, as a restart of PostgreSQL does."""

    def end() -> None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_backend_pid()")
            (pid,) = cursor.fetchone()
        with psycopg.connect(**connection.get_connection_params(), autocommit=True) as other:
            other.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])

    return end

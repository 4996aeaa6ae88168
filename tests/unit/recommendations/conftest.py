"""A small world with two tastes, and a place for model files."""

import pytest

from accounts.models import User
from events.models import Rating
from movies.models import Movie
from tests.factories import make_imported_user, make_movie


@pytest.fixture(autouse=True)
def _model_dir(settings, tmp_path):
    settings.MODEL_DIR = tmp_path / "models"


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


@pytest.fixture
def world(db: None) -> World:
    return World()


@pytest.fixture
def committed_world(transactional_db: None) -> World:
    return World()

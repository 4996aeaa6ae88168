"""A live version with a hand-written model of lists: each of six movies recommends the next."""

import hashlib
from datetime import datetime, timedelta

import numpy as np
from django.utils import timezone
from scipy.sparse import csr_array

from accounts.models import User
from events.models import Interaction
from recommendations.algorithms.pipeline.list_folding import ListFolder
from recommendations.algorithms.pipeline.trained_model import LIST_FOLDER_FILE
from recommendations.models import BatchRecommendation, ModelVersion
from recommendations.vectors.artefacts import artefacts_folder
from tests.factories import make_movie, make_user, make_version


def ago(minutes: float) -> datetime:
    return timezone.now() - timedelta(minutes=minutes)


class Night:
    """A live version that was trained an hour ago, and what it keeps."""

    def __init__(self) -> None:
        self.movies = [make_movie(f"Part {n}") for n in range(6)]
        self.version = make_version(started_at=ago(60), finished_at=ago(50))
        self.keep(self.version)

    def keep(self, version: ModelVersion) -> None:
        ids = np.array([movie.pk for movie in self.movies])
        weights = csr_array(np.eye(6, k=1, dtype=np.float32))
        path = artefacts_folder(version.pk) / LIST_FOLDER_FILE
        ListFolder(ids, weights, np.zeros(6, np.float32), 0.0, 0.5).save(path)
        version.artefacts = {LIST_FOLDER_FILE: hashlib.sha256(path.read_bytes()).hexdigest()}
        version.save()

    def row(self, user: User, version: ModelVersion | None = None) -> BatchRecommendation:
        """The list of a night that knew nothing of the person: the last three movies."""
        last = [movie.pk for movie in self.movies[3:]]
        return BatchRecommendation.objects.create(
            version=version or self.version,
            user=user,
            movie_ids=last,
            scores=[3, 2, 1],
            predicted_ratings=[4.5, 4.0, 3.5],
        )

    def person(self) -> User:
        user = make_user()
        self.row(user)
        return user

    def event(self, user: User, place: int, *, kind: str = "like", minutes: float = 10) -> Interaction:
        moment = ago(minutes)
        return Interaction.objects.create(
            user=user, movie=self.movies[place], kind=kind, occurred_at=moment, received_at=moment
        )

    def places(self, user: User, version: ModelVersion | None = None) -> list[int]:
        """The places of the movies in the person's list."""
        ids = [movie.pk for movie in self.movies]
        row = BatchRecommendation.objects.get(user=user, version=version or self.version)
        return [ids.index(movie_id) for movie_id in row.movie_ids]

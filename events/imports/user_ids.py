"""Resolves a data set's user ids to database ids, and creates users who are missing."""

import numpy as np
import numpy.typing as npt
from django.contrib.auth.hashers import UNUSABLE_PASSWORD_PREFIX
from django.db import connection

from accounts.models import User
from movies.movielens.rating_lines import Ints


class UserIdResolver:
    """Maps a data set's user ids to database ids, and tracks which users it created. Memory: 17 bytes per user."""

    def __init__(self, dataset: str) -> None:
        self._dataset = dataset
        rows = User.objects.filter(dataset=dataset).order_by("dataset_user_id").values_list("dataset_user_id", "pk")
        table = np.array(list(rows.iterator(chunk_size=20_000)), np.int64).reshape(-1, 2)
        self._numbers, self._ids = table[:, 0].copy(), table[:, 1].copy()
        self._created = np.zeros(len(table), bool)

    @property
    def known(self) -> int:
        """How many users existed before."""
        return int((~self._created).sum())

    @property
    def new(self) -> int:
        """How many users were created."""
        return int(self._created.sum())

    def resolve(self, numbers: Ints) -> tuple[Ints, npt.NDArray[np.bool_]]:
        """Database ids, and whether this import created the user, both of shape (numbers,); creates missing users."""
        positions = self._positions(numbers)
        found = (
            self._numbers[np.minimum(positions, self._numbers.size - 1)] == numbers
            if self._numbers.size
            else positions < 0
        )
        if not found.all():
            self._create(np.unique(numbers[~found]))
            positions = self._positions(numbers)
        return self._ids[positions], self._created[positions]

    def _positions(self, numbers: Ints) -> Ints:
        return np.searchsorted(self._numbers, numbers)

    def _create(self, numbers: Ints) -> None:
        """Creates users who cannot sign in: they have no e-mail address and an unusable password."""
        with connection.cursor() as cursor:
            cursor.execute(
                """
                INSERT INTO accounts_user (password, is_superuser, display_name, is_active, is_staff, date_joined,
                                           dataset, dataset_user_id)
                SELECT %s || replace(gen_random_uuid()::text, '-', ''), false, '', true, false, now(), %s, number
                FROM unnest(%s::bigint[]) AS number
                RETURNING dataset_user_id, id
                """,
                [UNUSABLE_PASSWORD_PREFIX, self._dataset, numbers.tolist()],
            )
            created = np.array(cursor.fetchall(), np.int64).reshape(-1, 2)
        numbers_all = np.concatenate([self._numbers, created[:, 0]])
        order = np.argsort(numbers_all, kind="stable")
        self._numbers = numbers_all[order]
        self._ids = np.concatenate([self._ids, created[:, 1]])[order]
        self._created = np.concatenate([self._created, np.ones(len(created), bool)])[order]

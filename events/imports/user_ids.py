"""The people of a data set: looked up by its own ids, made when they are new."""

import numpy as np
import numpy.typing as npt
from django.contrib.auth.hashers import UNUSABLE_PASSWORD_PREFIX
from django.db import connection

from accounts.models import User
from movies.movielens.rating_lines import Ints


class People:
    """Database ids of a data set's people, and who of them this transaction made. Memory: 17 bytes a person."""

    def __init__(self, dataset: str) -> None:
        self._dataset = dataset
        rows = User.objects.filter(dataset=dataset).order_by("dataset_user_id").values_list("dataset_user_id", "pk")
        table = np.array(list(rows.iterator(chunk_size=20_000)), np.int64).reshape(-1, 2)
        self._numbers, self._ids = table[:, 0].copy(), table[:, 1].copy()
        self._fresh = np.zeros(len(table), bool)

    @property
    def known(self) -> int:
        """How many there were before."""
        return int((~self._fresh).sum())

    @property
    def new(self) -> int:
        """How many were made."""
        return int(self._fresh.sum())

    def resolve(self, numbers: Ints) -> tuple[Ints, npt.NDArray[np.bool_]]:
        """(database id, whether made by this import) of each of the data set's ids; makes people who are missing."""
        places = self._places(numbers)
        found = (
            self._numbers[np.minimum(places, self._numbers.size - 1)] == numbers if self._numbers.size else places < 0
        )
        if not found.all():
            self._create(np.unique(numbers[~found]))
            places = self._places(numbers)
        return self._ids[places], self._fresh[places]

    def _places(self, numbers: Ints) -> Ints:
        return np.searchsorted(self._numbers, numbers)

    def _create(self, numbers: Ints) -> None:
        """Nobody can sign in as an imported person: they have no e-mail address, and no password would match."""
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
            made = np.array(cursor.fetchall(), np.int64).reshape(-1, 2)
        numbers_all = np.concatenate([self._numbers, made[:, 0]])
        order = np.argsort(numbers_all, kind="stable")
        self._numbers = numbers_all[order]
        self._ids = np.concatenate([self._ids, made[:, 1]])[order]
        self._fresh = np.concatenate([self._fresh, np.ones(len(made), bool)])[order]

"""People who are deleted while they use the site, over HTTP against several processes."""

import re
import time
from threading import Event

import pytest
from django.core.cache import cache
from django.db import connection
from django_redis import get_redis_connection

from accounts.models import User
from tests.functional.cinema import EVENTS, LIST, Cinema, Client, Staff, at_once
from tests.served import served_lists

pytestmark = pytest.mark.django_db(transaction=True)
ROUNDS = 8


def rows_about(user_id: int) -> int:
    """The rows of all tables that refer to the person, by the database's own foreign keys."""
    with connection.cursor() as cursor:
        columns = [
            (table, column)
            for table in connection.introspection.table_names(cursor)
            for column, (_, other) in connection.introspection.get_relations(cursor, table).items()
            if other == User._meta.db_table
        ]
        assert len(columns) >= 9
        union = " UNION ALL ".join(f'SELECT 1 FROM "{table}" WHERE "{column}" = %s' for table, column in columns)
        cursor.execute(f"SELECT count(*) FROM ({union}) rows", [user_id] * len(columns))
        return cursor.fetchone()[0]


def keys_about(user_id: int, list_ids: set[str]) -> set[str]:
    """Redis' keys that hold the person's number or a list's, but for the marks, of a minute, that they are gone and
    that nobody may act for them."""
    keys = {key.decode() for key in get_redis_connection("default").scan_iter(cache.make_key("*"), count=1000)}
    own = {key for key in keys if re.search(rf":{user_id}(?::|$)", key) and ":deleted:" not in key}
    own = {key for key in own if ":access:" not in key or not is_blocked(key)}
    return own | {key for key in keys if key.rpartition(":")[2] in list_ids}


def is_blocked(key: str) -> bool:
    """Whether the entry says that access has ended; it lives for a minute at most."""
    redis = get_redis_connection("default")
    return redis.get(key) in (b"-", None) and redis.ttl(key) <= 60


class Activity:
    """What one person does at once until a request says that they are gone; the answer to each."""

    def __init__(self, person: Client, movies: list[int]) -> None:
        self.person, self.movies = person, movies
        self.answers: list[tuple[str, int]] = []
        self.lists: set[str] = set()
        self.busy = Event()

    def calls(self) -> list:
        return [self.read, self.read_filtered, self.tell, self.rate, self.rename]

    def read(self) -> None:
        self._on(lambda number: ("GET", LIST, None))

    def read_filtered(self) -> None:
        self._on(lambda number: ("GET", f"{LIST}?limit=5&year_from={1960 + number % 9}", None))

    def tell(self) -> None:
        self._on(lambda number: ("POST", EVENTS, {"movie": self._movie(number), "kind": "like"}))

    def rate(self) -> None:
        self._on(lambda number: ("POST", EVENTS, {"movie": self._movie(number % 3), "kind": "rating", "value": 4}))

    def rename(self) -> None:
        self._on(lambda number: ("PATCH", "/api/auth/me/", {"display_name": f"Name {number}"}))

    def _movie(self, number: int) -> int:
        return self.movies[number % len(self.movies)]

    def _on(self, request) -> None:
        for number in range(1000):
            method, path, body = request(number)
            answer = self.person.ask(method, path, body)
            self.answers.append((method, answer.status))
            if answer.status not in (200, 201):
                return
            if path.startswith(LIST):
                self.lists.add(answer.json()["recommendation_id"])
            if self.lists and len(self.answers) > 10:
                self.busy.set()
        raise AssertionError("No answer said that the person is gone.")


def test_an_active_person_is_deleted_whole_and_answered_401(cinema: Cinema):
    staff, movies = Staff(cinema), [movie.pk for movie in cinema.movies["Crime"]]
    for number in range(ROUNDS):
        person = cinema.person()
        activity = Activity(person, movies)

        def delete(activity=activity, person=person, number=number) -> None:
            assert activity.busy.wait(30)
            time.sleep(number * 0.013)
            staff.post(f"/admin/accounts/user/{person.user.pk}/delete/", post="yes")

        calls = activity.calls()
        at_once([*calls, delete])

        refused = [answer for answer in activity.answers if answer[1] not in (200, 201)]
        assert [status for _, status in refused] == [401] * len(calls), activity.answers
        assert not User.objects.filter(pk=person.user.pk).exists()
        assert rows_about(person.user.pk) == 0
        assert activity.lists
        assert not served_lists().filter(pk__in=activity.lists).exists()
        assert keys_about(person.user.pk, activity.lists) == set()

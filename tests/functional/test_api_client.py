"""Client applications over HTTP, against several processes: their whole journey, and what they cannot reach."""

import os
import re
import shutil
import subprocess
import sys
from functools import partial
from itertools import count
from typing import Any
from urllib.parse import quote

import pytest
from django.conf import settings

from accounts.clients.models import Client as ClientApplication
from accounts.clients.models import ClientKey
from accounts.models import User
from events.models import Interaction, Rating, ServedRecommendation
from recommendations.models import BatchRecommendation
from tests.factories import make_key
from tests.functional.cinema import EVENTS, LIST, Cinema, Client, at_once, movie_ids, rows
from tests.functional.web_server import error_of, running_database_url
from tests.served import drain, served_lists

pytestmark = pytest.mark.django_db(transaction=True)
USERS = 60
API = settings.BASE_DIR / "docs" / "api.md"
_names = count(1)


class Application:
    """A client application with one key."""

    def __init__(self, cinema: Cinema, **fields: Any) -> None:
        self.name = f"app {next(_names)}"
        self.key = make_key(self.name, **fields)
        self._client = Client(cinema.server)

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        return self._client.ask(method, path, body, Authorization=f"Api-Key {self.key}")

    def recommended(self, user: str, **query: Any) -> Any:
        more = "".join(f"&{name}={value}" for name, value in query.items())
        return self.ask("GET", f"{LIST}?user={quote(user, safe='')}{more}")

    def tell(self, user: str, movie: int, kind: str = "like") -> Any:
        return self.ask("POST", EVENTS, {"user": user, "movie": movie, "kind": kind})

    def history(self, user: str) -> list[int]:
        return movie_ids(self.ask("GET", f"{EVENTS}?user={quote(user, safe='')}").json())

    def users(self) -> set[str]:
        return set(User.objects.filter(client__name=self.name).values_list("external_id", flat=True))


def recipe() -> str:
    """The shell commands of the documented journey."""
    section = API.read_text().partition("### From the first key to the last deletion")[2].partition("\n## ")[0]
    [block] = re.findall(r"^```sh\n(.*?)^```$", section, re.MULTILINE | re.DOTALL)
    return block


@pytest.mark.skipif(not (shutil.which("curl") and shutil.which("jq")), reason="The recipe needs curl and jq.")
def test_the_documented_journey_of_many_users(cinema, tmp_path):
    before = rows()
    text = recipe()
    assert "1000" in text
    # Each user costs four requests, and each of those a process.
    fewer = text.replace("1000", str(USERS))
    script = fewer.replace("./bin/manage", f'"{sys.executable}" "{settings.BASE_DIR}/manage.py"')
    environment = os.environ | {
        "SITE": cinema.server.url,
        "DATABASE_URL": running_database_url(),
        "REDIS_URL": settings.REDIS_URL,
        "DJANGO_SETTINGS_MODULE": "recsys_project.settings.local",
        "SECRET_KEY": settings.SECRET_KEY,
        "JWT_SIGNING_KEY": settings.JWT_SIGNING_KEY,
    }
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=550,
        check=False,
    )
    lines = [line.strip() for line in done.stdout.splitlines()]

    assert done.returncode == 0, done.stderr[-2000:]
    assert lines[:3] == [f"{USERS} 201 created", f"{USERS} 201 event", f"{USERS} 200 list"]
    assert lines[-1] == f"{USERS} 204 deleted"
    titles, [ranked, liked] = lines[3:-3], lines[-3:-1]
    assert len(titles) == 3
    assert liked.startswith("like ")
    assert liked.removeprefix("like ") not in titles
    assert int(ranked) == 50
    exported = (tmp_path / "customer-17.json").read_text()
    assert "customer-17" in exported
    assert "customer-18" not in exported
    after = rows()
    # Tombstones, which erase them again after a restore; and, for a day, which ids lost their access.
    kept = {
        "accounts_client": 1,
        "accounts_clientkey": 1,
        "accounts_erasure": USERS,
        "accounts_accesschange": USERS + 1,
    }
    assert {table: after[table] - before[table] for table in after if after[table] != before[table]} == kept
    assert ClientKey.objects.get(client__name="shop").revoked_at is not None


def test_one_id_in_many_requests_at_once_makes_one_user(cinema):
    shop, movie = Application(cinema), cinema.movies["Crime"][0].pk
    calls = [
        partial(shop.tell, "17", movie),
        partial(shop.recommended, "17"),
        partial(shop.ask, "PUT", "/api/users/17/", {}),
    ]
    statuses = {answer.status for answer in at_once(calls * 6)}

    assert statuses <= {200, 201}
    assert shop.users() == {"17"}
    assert Interaction.objects.filter(user__client__name=shop.name).count() == 6


def test_a_revoked_key_is_refused_by_all_processes(cinema):
    shop = Application(cinema)
    before = {answer.status for answer in at_once([partial(shop.recommended, "17")] * 8)}
    ClientApplication.objects.filter(name=shop.name).update(is_active=False)
    after = at_once([partial(shop.recommended, "17")] * 8)

    assert before == {200}
    for answer in after:
        assert error_of(answer, 401)["code"] == "api_key_not_valid"


def test_a_users_list_follows_their_events_alone(cinema):
    shop, other = Application(cinema), Application(cinema)
    for movie in cinema.movies["War"][:4]:
        assert shop.tell("17", movie.pk).status == 201
    own, theirs = movie_ids(shop.recommended("17").json()), movie_ids(other.recommended("17").json())

    assert sum(cinema.genre_of(movie) == "War" for movie in own[:10]) >= 8
    assert theirs != own
    assert other.recommended("17").json()["user_state"] == "cold"


def test_a_key_reaches_nothing_of_people_and_others(cinema):
    shop, other, person = Application(cinema), Application(cinema), cinema.fan("Crime")
    movie = cinema.movies["Crime"][0].pk
    person.tell(movie)
    other.tell("17", movie)
    served = served_lists().filter(user__client__name=other.name).count()
    for external_id in ("17", str(person.user.pk), str(person.user)):
        assert shop.history(external_id) == []
        assert shop.ask("DELETE", f"/api/users/{quote(external_id, safe='')}/").status == 204
        assert error_of(shop.ask("GET", f"/api/users/{quote(external_id, safe='')}/export/"), 404)

    assert other.history("17") == [movie]
    assert User.objects.filter(pk=person.user.pk).exists()
    assert served_lists().filter(user__client__name=other.name).count() == served
    assert person.ids(EVENTS) == [movie]


@pytest.mark.parametrize("external_id", ["a/b", "a b", "50%", "ünï🎬", "auth0|5", "eve@example.org", "x" * 128, "?&=#"])
def test_an_id_is_the_same_in_paths_queries_and_bodies(cinema, external_id):
    shop, movie = Application(cinema), cinema.movies["Crime"][0].pk
    path = f"/api/users/{quote(external_id, safe='')}/"

    assert shop.tell(external_id, movie).status == 201
    assert shop.history(external_id) == [movie]
    assert shop.ask("PUT", path, {}).status == 200
    assert shop.ask("GET", f"{path}export/").json()["user"]["external_id"] == external_id
    assert shop.users() == {external_id}
    assert shop.ask("DELETE", path).status == 204
    assert shop.users() == set()


def test_a_user_is_deleted_while_they_are_busy(cinema):
    shop = Application(cinema)
    movies = [movie.pk for movie in cinema.movies["Crime"]]
    calls = [partial(shop.tell, "17", movie) for movie in movies[:6]] + [partial(shop.recommended, "17")] * 4
    answers = at_once([*calls, partial(shop.ask, "DELETE", "/api/users/17/"), *calls])

    assert {answer.status for answer in answers} <= {200, 201, 204, 409}
    assert shop.ask("DELETE", "/api/users/17/").status == 204
    assert shop.users() == set()
    drain()
    for model in (Interaction, Rating, ServedRecommendation, BatchRecommendation):
        assert not model.objects.filter(user__client__name=shop.name).exists()
    assert shop.history("17") == []


def test_no_secret_is_logged(cinema):
    shop = Application(cinema)
    shop.recommended("17")
    Client(cinema.server).ask("GET", f"{LIST}?user=17", Authorization=f"Api-Key {shop.key}x")
    log = cinema.server.log.read_text()

    assert shop.key.partition(".")[0] in log
    assert shop.key.partition(".")[2] not in log

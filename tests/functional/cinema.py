"""A small cinema with a trained model behind a real web server, and the people who speak HTTP to it."""

import random
import re
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection
from itertools import count
from typing import Any
from urllib.parse import urlencode, urlsplit

from django.apps import apps
from django.db import connection, transaction

from accounts.models import User
from accounts.tokens import AccessToken
from events.models import Rating
from movies.caching.version_tokens import invalidate_catalogue_on_commit
from movies.models import Movie
from recommendations.models import BatchRecommendation, ModelVersion, MovieEmbedding
from tests.factories import make_imported_user, make_movie, make_user
from tests.functional.web_server import Answer, WebServer
from tests.served import served_lists

LIST = "/api/recommendations/"
SESSION = "/api/recommendations/session/"
EVENTS = "/api/events/"
SEARCH = "/api/movies/search/"
FANS = 24
PER_GENRE = 36
# What the movies of a genre are about; each has three of these words.
ABOUT = {
    "Crime": "thief police heist gangster murder detective robbery mafia",
    "Family": "toys children talking animals magic puppy holiday friendship",
    "Science": "spaceship robot alien planet future laboratory android galaxy",
    "War": "soldiers battle trench general army bombing invasion resistance",
}
LANGUAGES = ("en", "fr", "de")
_names = count(1)


@dataclass(frozen=True)
class Client:
    """Somebody who speaks to the server, as a person with a token or as a guest. No answer may be a 500."""

    server: WebServer
    user: User | None = None
    token: str = ""

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> Answer:
        if self.token:
            headers = {"Authorization": f"Bearer {self.token}"} | headers
        answer = self.server.request(method, path, body, **headers)
        assert answer.status != 500, (method, path[:300], str(body)[:300], answer.body[:300])
        return answer

    def get(self, path: str, **query: Any) -> Answer:
        """A query's lists are sent as the name several times."""
        return self.ask("GET", f"{path}?{urlencode(query, doseq=True)}" if query else path)

    def read(self, path: str = LIST, **query: Any) -> Any:
        """The JSON of an answer that must be 200."""
        answer = self.get(path, **query)
        assert answer.status == 200, answer.body
        return answer.json()

    def ids(self, path: str = LIST, **query: Any) -> list[int]:
        return movie_ids(self.read(path, **query))

    def titles(self, path: str = LIST, **query: Any) -> list[str]:
        return [item["movie"]["title"] for item in self.read(path, **query)["items"]]

    def tell(self, movie: int, kind: str = "like", value: float | None = None) -> None:
        """Sends an event, which must be accepted."""
        event = {"movie": movie, "kind": kind} | ({} if value is None else {"value": value})
        answer = self.ask("POST", EVENTS, event)
        assert answer.status == 201, answer.body

    def served(self) -> int:
        """How many lists were computed for the person."""
        return served_lists().filter(user=self.user).count()


class Line:
    """One connection that stays open for many requests, of whoever. It follows no redirects."""

    def __init__(self, server: WebServer) -> None:
        self._connection = HTTPConnection(urlsplit(server.url).netloc, timeout=30)
        self.connections = 0

    def ask(self, method: str, path: str, body: bytes | None = None, **headers: str) -> Answer:
        """As WebServer.request asks; opens the connection where it is not open any more."""
        self.connections += self._connection.sock is None
        self._connection.request(method, path, body, {name.replace("_", "-"): text for name, text in headers.items()})
        answer = self._connection.getresponse()
        read = Answer(answer.status, answer.headers, answer.read())
        assert read.status != 500, (method, path, read.body)
        return read

    def close(self) -> None:
        self._connection.close()


class Staff:
    """A member of staff with a browser's cookies, signed in to the admin."""

    def __init__(self, cinema: "Cinema") -> None:
        self._line = Line(cinema.server)
        self._cookies: dict[str, str] = {}
        account = {"email": f"staff{next(_names)}@example.org", "password": "a long enough one"}
        cinema.guest.ask("POST", "/api/auth/register/", account)
        User.objects.filter(email=account["email"]).update(is_staff=True, is_superuser=True)
        self.post("/admin/login/", username=account["email"], password=account["password"])

    def post(self, path: str, **form: Any) -> None:
        """Opens a page and sends its form, which must be accepted: the admin then leads elsewhere."""
        page = self._ask("GET", path).body.decode()
        tokens = re.findall(r'name="csrfmiddlewaretoken" value="(\w+)"', page)
        answer = self._ask("POST", path, urlencode({**form, "csrfmiddlewaretoken": tokens[0]}, doseq=True).encode())
        assert answer.status == 302, answer.body.decode()

    def _ask(self, method: str, path: str, body: bytes | None = None) -> Answer:
        cookie = "; ".join(f"{name}={value}" for name, value in self._cookies.items())
        answer = self._line.ask(method, path, body, Cookie=cookie, Content_Type="application/x-www-form-urlencoded")
        for given in answer.headers.get_all("Set-Cookie") or []:
            name, _, value = given.partition(";")[0].partition("=")
            self._cookies[name] = value
        return answer


@dataclass
class Cinema:
    """The server, its movies by genre, and the people the nightly model knows (the fans of each genre)."""

    server: WebServer
    movies: dict[str, list[Movie]]
    fans: dict[str, list[User]]
    special: dict[str, Movie]
    _given: dict[str, int] = field(default_factory=dict)

    @property
    def guest(self) -> Client:
        return Client(self.server)

    def client(self, user: User) -> Client:
        return Client(self.server, user, str(AccessToken.for_user(user)))

    def person(self) -> Client:
        """Somebody who has done nothing yet."""
        return self.client(make_user(f"guest{next(_names)}@example.org"))

    def fan(self, genre: str) -> Client:
        """Somebody the nightly model knows, each time another."""
        place = self._given.get(genre, 0)
        self._given[genre] = place + 1
        return self.client(self.fans[genre][place])

    def titled(self, genre: str) -> set[int]:
        return {movie.pk for movie in self.movies[genre]}

    def genre_of(self, movie_id: int) -> str:
        return next(genre for genre in self.movies if movie_id in self.titled(genre))


def movie_ids(answer: Any) -> list[int]:
    return [item["movie"]["id"] for item in answer["items"]]


def rows() -> dict[str, int]:
    """How many rows every table of the project holds."""
    tables = [model._meta.db_table for model in apps.get_models(include_auto_created=True)]
    with connection.cursor() as cursor:
        cursor.execute(" UNION ALL ".join(f"SELECT '{table}', count(*) FROM \"{table}\"" for table in tables))
        return dict(cursor.fetchall())


def make_movies() -> tuple[dict[str, list[Movie]], dict[str, Movie]]:
    """PER_GENRE movies of each genre, of 1960 on, and a few that searches look for."""
    sample = random.Random(5)
    movies = {
        genre: [
            make_movie(
                f"{genre} {place}",
                1960 + place,
                [genre],
                overview=f"A tale of {' and '.join(sample.sample(words.split(), 3))}.",
                language=LANGUAGES[place % 3],
                runtime_minutes=80 + place,
            )
            for place in range(PER_GENRE)
        ]
        for genre, words in ABOUT.items()
    }
    special = {
        "Toy Story": make_movie("Toy Story", 1995, ["Family"], overview="Toys come alive, a friendship of children."),
        "Heat": make_movie("Heat", 1995, ["Crime"], overview="A thief plans one last heist; a detective hunts him."),
        "Hidden": make_movie("Hidden", 1995, ["Crime"], status=Movie.Status.HIDDEN, overview="A thief and police."),
        "Draft": make_movie("Draft", 1995, ["Crime"], status=Movie.Status.DRAFT, overview="A thief and police."),
    }
    for title, genre in (("Toy Story", "Family"), ("Heat", "Crime")):
        movies[genre].append(special[title])
    return movies, special


def make_fans(movies: dict[str, list[Movie]]) -> dict[str, list[User]]:
    """FANS people a genre, who rate half of its movies high and a few others low."""
    sample = random.Random(6)
    fans: dict[str, list[User]] = {}
    for genre, own in movies.items():
        others = [movie for other, rest in movies.items() if other != genre for movie in rest]
        fans[genre] = [make_imported_user("ml-test") for _ in range(FANS)]
        Rating.objects.bulk_create(
            Rating(user=fan, movie=movie, value=value)
            for fan in fans[genre]
            for value, chosen in ((4.5, sample.sample(own, PER_GENRE // 2)), (1.5, sample.sample(others, 3)))
            for movie in chosen
        )
    return fans


@contextmanager
def second_version() -> Iterator[tuple[int, int]]:
    """The ids of the live version and of a retired one with the same rows; afterwards the first is live again."""
    first = ModelVersion.objects.get(status=ModelVersion.Status.LIVE)
    second = ModelVersion.objects.create(status=ModelVersion.Status.RETIRED, started_at=first.started_at)
    for model in (BatchRecommendation, MovieEmbedding):
        rows = list(model.objects.filter(version=first))
        for row in rows:
            row.pk, row.version_id = None, second.pk
        model.objects.bulk_create(rows)
    try:
        yield first.pk, second.pk
    finally:
        with transaction.atomic():
            ModelVersion.objects.filter(pk=second.pk).delete()
            ModelVersion.objects.filter(pk=first.pk).update(status=ModelVersion.Status.LIVE)
            invalidate_catalogue_on_commit()


def at_once(calls: Sequence[Callable[[], Any]]) -> list[Any]:
    """Makes all calls at the same moment, each in a thread of its own; what they answered, in their order."""
    gate = threading.Barrier(len(calls))

    def call(one: Callable[[], Any]) -> Any:
        gate.wait()
        try:
            return one()
        finally:
            connection.close()

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(call, calls))

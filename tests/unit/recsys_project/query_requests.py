"""The requests whose costs are counted, for every operation of the API and state of its caches."""

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count
from typing import Any

from django.contrib.auth.hashers import make_password
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone

from accounts.clients.models import ClientKey
from accounts.clients.services import client_get_or_create
from accounts.clients.users import client_user_get_or_create
from accounts.links import link_address
from accounts.mails import mails_send
from accounts.models import AccountMail, User
from accounts.signins import tokens_issue
from events.services import interaction_record
from events.taste.services import taste_import_create
from movies.caching.version_tokens import invalidate_catalogue
from recommendations.experiments.services import NewArm, experiment_create, experiment_start
from tests.factories import (
    PASSWORD,
    Cast,
    client_of,
    client_with_key,
    make_group,
    make_key,
    make_user,
)
from tests.query_counts import statements, trips_to_redis

Fields = dict[str, Any]
_numbers = count(1)

PERSONAL = "GET /api/recommendations/"
EXPAND = {"expand": "overview,people"}


def somebody(cast: Cast, who: str) -> User:
    """A person of the cast; ``leaver`` is a new one each time."""
    return make_user() if who == "leaver" else getattr(cast, who)


def nothing(cast: Cast) -> Fields:
    return {}


def always(**fields: Any) -> Callable[[Cast], Fields]:
    return lambda cast: fields


@dataclass(frozen=True)
class Asked:
    """An operation, named as the schema names it, in one state: asked for once to warm up, and once to be counted."""

    operation: str
    state: str = ""
    fields: Callable[[Cast], Fields] = nothing
    who: str = ""
    # Between the two.
    meanwhile: Callable[[Cast], object] = nothing

    @property
    def name(self) -> str:
        return f"{self.operation} [{self.state}]" if self.state else self.operation

    def prepare(self, cast: Cast) -> Callable[[], None]:
        """Makes the request, which is sent when the answer is called."""
        method, path = self.operation.split()
        if "{group_id}" in path:
            path = path.replace("{group_id}", make_group(cast.alice, cast.bob))
        if "{name}" in path:
            path = path.replace("{name}", make_experiment(started=not path.endswith("/start/")))
        if "{import_id}" in path:
            path = path.replace("{import_id}", taste_import(getattr(cast, self.who)))
        for name in ("{id}", "{movie_id}"):
            path = path.replace(name, str(cast["Heat"].pk))
        path = path.replace("{external_id}", "17").replace("{event_id}", str(uuid.uuid5(uuid.NAMESPACE_URL, "one")))
        if self.who == "shop":
            client = client_with_key(shop_key())
        elif self.who:
            user = somebody(cast, self.who)
            # Signing out and a new password end the tokens of the version before.
            user.refresh_from_db(fields=["token_version"])
            client = client_of(user)
        else:
            client = client_of()
        fields = self.fields(cast)
        body = {} if method == "GET" else {"format": "multipart" if "file" in fields else "json"}

        def send() -> None:
            response = getattr(client, method.lower())(path, fields, **body)
            assert response.status_code in (200, 201, 202, 204), (self.name, response.content)

        return send

    def costs(self, cast: Cast) -> tuple[list[str], list[str]]:
        """The SQL statements, and the round trips to Redis."""
        self.prepare(cast)()
        self.meanwhile(cast)
        send, sql = self.prepare(cast), []
        trips = trips_to_redis(lambda: sql.extend(statements(send, read_state=False)))
        return sql, trips


def make_experiment(*, started: bool) -> str:
    """The name of a new experiment on a hundredth of the people."""
    name = f"experiment-{next(_numbers)}"
    arms = [NewArm("control", control=True), NewArm("other", overrides={"diversity": 0.5})]
    experiment = experiment_create(name=name, arms=arms, share=0.01)
    if started:
        experiment_start(experiment=experiment)
    return name


def new_experiment(cast: Cast) -> Fields:
    arms = [{"name": "control", "control": True}, {"name": "other", "overrides": {"diversity": 0.5}}]
    return {"name": f"experiment-{next(_numbers)}", "arms": arms}


def shop_key() -> str:
    """A key of a client application, which has been used before."""
    key = make_key()
    ClientKey.objects.update(last_used_at=timezone.now())
    return key


def shop_user(cast: Cast) -> Fields:
    """What names a user of the client application, and makes them."""
    client_user_get_or_create(client_id=client_get_or_create(name="shop").pk, external_id="17")
    return {"user": "17"}


def nobody_new(cast: Cast) -> Fields:
    """No field; makes the user whom the path names."""
    shop_user(cast)
    return {}


def second_page(path: str, who: str = "", **fields: Any) -> Callable[[Cast], Fields]:
    """The query of a list's second page; ``fields`` bound the first one."""

    def asked(cast: Cast) -> Fields:
        first = client_of(getattr(cast, who) if who else None).get(path, fields).json()
        assert first["next_cursor"], path
        return fields | {"cursor": first["next_cursor"]}

    return asked


def views(who: str) -> Callable[[Cast], object]:
    """What drops a person's list: they look at a movie, once more."""
    return lambda cast: interaction_record(user=getattr(cast, who), movie_id=cast["Babe"].pk, kind="view")


def catalogue_changes(cast: Cast) -> None:
    """What drops every list, and what the process keeps of movies."""
    invalidate_catalogue()


def new_account(cast: Cast) -> Fields:
    return {"email": f"new{next(_numbers)}@example.org", "password": PASSWORD}


def mailed(kind: str, email: str) -> Fields:
    """What the link of a new mail is confirmed with."""
    made = AccountMail.objects.create(kind=kind, email=email, password=make_password(PASSWORD))
    mails_send()
    return {"token": link_address(mail=made).split("/")[-2], "password": PASSWORD}


def register_link(cast: Cast) -> Fields:
    return mailed("register", new_account(cast)["email"])


def reset_link(cast: Cast) -> Fields:
    return mailed("reset", "stan@example.org")


def refresh_token(cast: Cast) -> Fields:
    return {"refresh": tokens_issue(user=cast.carol).refresh}


def taste_file(cast: Cast | None) -> Fields:
    """An export with a film that is matched by its title, and one that is not."""
    text = "Date,Name,Year,Letterboxd URI,Rating\n2024-01-01,Heat,1995,a,4\n2024-01-01,Unknown,1995,b,4\n"
    return {"file": SimpleUploadedFile("ratings.csv", text.encode())}


def taste_import(user: User) -> str:
    """The id of a new import."""
    upload = taste_file(None)["file"]
    return str(taste_import_create(user=user, file=upload.file, name=upload.name).pk)


def event(**fields: Any) -> Callable[[Cast], Fields]:
    return lambda cast: {"movie": cast["Heat"].pk, **fields}


def one_event(cast: Cast) -> Fields:
    """Makes the event that the path names."""
    event_id = uuid.uuid5(uuid.NAMESPACE_URL, "one")
    interaction_record(user=cast.stan, movie_id=cast["Babe"].pk, kind="view", event_id=event_id)
    return {}


def batch(cast: Cast) -> Fields:
    return {"events": [event(kind=kind)(cast) for kind in ("view", "click")]}


def without_babe(cast: Cast) -> Fields:
    return {"genre": "crime,family", "year_from": 1980, "exclude": cast["Babe"].pk}


def guest(**fields: Any) -> Callable[[Cast], Fields]:
    return lambda cast: {"movie_ids": [cast["Heat"].pk, cast["Alien"].pk], **fields}


def in_group(*, again: bool = False, **fields: Any) -> Callable[[Cast], Fields]:
    """The body of a list for Alice and Bob, in a new group, or in one that has its list already."""

    def asked(cast: Cast) -> Fields:
        body = fields | {"group": make_group(cast.alice, cast.bob)}
        if again:
            assert client_of(cast.alice).post("/api/recommendations/group/", body, format="json").status_code == 200
        return body

    return asked


def public(path: str, filtered: Fields, **fields: Any) -> list[Asked]:
    """A list that is the same for everyone."""
    return [
        Asked(f"GET {path}", "hit", always(**fields)),
        Asked(f"GET {path}", "miss", always(**fields), meanwhile=catalogue_changes),
        Asked(f"GET {path}", "filtered", always(**fields, **filtered)),
        Asked(f"GET {path}", "expand", always(**fields, **EXPAND)),
    ]


REQUESTS = [
    Asked("POST /api/auth/register/", fields=new_account),
    Asked("POST /api/auth/token/", fields=always(username="carol@example.org", password=PASSWORD)),
    Asked("POST /api/auth/refresh/", fields=refresh_token),
    Asked("POST /api/auth/register/confirm/", fields=register_link),
    Asked("POST /api/auth/password/reset/", fields=always(email="carol@example.org")),
    Asked("POST /api/auth/password/reset/confirm/", fields=reset_link),
    Asked("POST /api/auth/logout/", who="carol"),
    Asked("POST /api/auth/logout-everywhere/", who="carol"),
    Asked("POST /api/auth/password/", fields=always(old_password=PASSWORD, new_password=PASSWORD), who="carol"),
    Asked("GET /api/auth/me/", who="carol"),
    Asked("PATCH /api/auth/me/", fields=always(display_name="Carol"), who="carol"),
    Asked("POST /api/events/", "view", event(kind="view"), "stan"),
    Asked("POST /api/events/", "rating", event(kind="rating", value=4), "stan"),
    Asked("POST /api/events/", "stored before", event(kind="like", event_id=str(uuid.uuid4())), "stan"),
    Asked("GET /api/events/", who="carol"),
    Asked("GET /api/events/", "filtered", always(kind="view"), "carol"),
    Asked("GET /api/events/", "page by cursor", second_page("/api/events/", "carol", page_size=2), "carol"),
    Asked("GET /api/events/", "expand", always(**EXPAND), "carol"),
    Asked("GET /api/genres/", "hit"),
    Asked("GET /api/genres/", "miss", meanwhile=catalogue_changes),
    Asked("GET /api/movies/"),
    Asked("GET /api/movies/", "filtered", always(genre="crime", search="heat", year_from=1980)),
    Asked("GET /api/movies/", "page by cursor", second_page("/api/movies/", page_size=2)),
    Asked("GET /api/movies/", "expand", always(**EXPAND)),
    Asked("GET /api/movies/{id}/"),
    Asked("GET /api/movies/{id}/", "signed in", who="alice"),
    Asked("GET /api/movies/{movie_id}/similar/", "hit"),
    Asked("GET /api/movies/{movie_id}/similar/", "miss", meanwhile=catalogue_changes),
    Asked("GET /api/movies/{movie_id}/similar/", "expand", always(**EXPAND)),
    *public("/api/movies/search/", {"genre": "crime", "year_from": 1980}, q="heat"),
    *public("/api/recommendations/popular/", {"genre": "crime"}),
    *public("/api/recommendations/trending/", {"genre": "crime"}),
    *public("/api/recommendations/latest/", {"genre": "crime"}),
    Asked("POST /api/recommendations/session/", "movie_ids", guest()),
    Asked("POST /api/recommendations/session/", "nothing known", always()),
    Asked("POST /api/recommendations/session/", "filtered", guest(genre="crime", year_from=1980)),
    Asked("POST /api/recommendations/session/", "expand", guest(**EXPAND)),
    Asked("POST /api/recommendations/group/", "computed", in_group(), "alice"),
    Asked("POST /api/recommendations/group/", "of today", in_group(again=True), "alice"),
    Asked("POST /api/recommendations/group/", "expand", in_group(again=True, **EXPAND), "alice"),
    Asked("DELETE /api/auth/me/", fields=always(password=PASSWORD), who="leaver"),
    Asked("GET /api/auth/me/export/", who="carol"),
    Asked("POST /api/auth/me/reset/", who="leaver"),
    Asked("GET /api/groups/", who="alice"),
    Asked("POST /api/groups/", fields=always(members=["bob@example.org"]), who="alice"),
    Asked("GET /api/groups/{group_id}/", who="alice"),
    Asked("DELETE /api/groups/{group_id}/", who="alice"),
    Asked("POST /api/groups/{group_id}/accept/", who="alice"),
    Asked("POST /api/taste-imports/", fields=taste_file, who="alice"),
    Asked("GET /api/taste-imports/{import_id}/", who="alice"),
    Asked("POST /api/taste-imports/{import_id}/confirm/", who="alice"),
    Asked("GET /api/taste-imports/{import_id}/unmatched/", who="alice"),
    Asked("DELETE /api/taste-imports/{import_id}/", who="alice"),
    Asked(PERSONAL, "hit", who="alice"),
    Asked(PERSONAL, "miss", who="alice", meanwhile=views("alice")),
    Asked(PERSONAL, "miss, unknown to the batch", who="carol", meanwhile=views("carol")),
    Asked(PERSONAL, "miss, catalogue changed", who="alice", meanwhile=catalogue_changes),
    Asked(PERSONAL, "miss, catalogue changed, nothing known", who="bob", meanwhile=catalogue_changes),
    Asked(PERSONAL, "filtered", without_babe, "alice"),
    Asked(PERSONAL, "rested", always(repeat_after=24, exclude_watchlist="true"), "alice"),
    Asked(PERSONAL, "page by cursor", second_page("/api/recommendations/", "alice", limit=2), "alice"),
    Asked(
        PERSONAL,
        "filtered page by cursor",
        second_page("/api/recommendations/", "alice", limit=1, genre="crime"),
        "alice",
    ),
    Asked(PERSONAL, "expand", always(**EXPAND), "alice"),
    Asked(PERSONAL, "explain", always(explain="true"), "alice"),
    Asked(PERSONAL, "hit, with a key", shop_user, "shop"),
    Asked("POST /api/events/", "a batch of two", batch, "stan"),
    Asked("DELETE /api/events/{event_id}/", fields=one_event, who="stan"),
    Asked("GET /api/events/hidden/", who="carol"),
    Asked("DELETE /api/events/hidden/{movie_id}/", who="stan"),
    Asked("GET /api/events/watchlist/", who="carol"),
    Asked("GET /api/events/continue-watching/", who="carol"),
    Asked("POST /api/events/", "view, with a key", lambda cast: event(kind="view", **shop_user(cast))(cast), "shop"),
    Asked("POST /api/rank/", "", lambda cast: {"movie_ids": [movie.pk for movie in cast.movies.values()]}, "alice"),
    Asked("PUT /api/users/{external_id}/", fields=nobody_new, who="shop"),
    Asked("GET /api/users/{external_id}/export/", fields=nobody_new, who="shop"),
    Asked("DELETE /api/users/{external_id}/", fields=nobody_new, who="shop"),
    Asked(PERSONAL, "of a scenario", always(scenario="home"), "alice"),
    Asked("GET /api/home/", who="alice"),
    Asked("GET /api/home/", "catalogue changed", who="alice", meanwhile=catalogue_changes),
    Asked("GET /api/home/", "expand", always(**EXPAND), "alice"),
    # Last: what runs changes what lists cost.
    Asked("GET /api/experiments/", who="stan"),
    Asked("POST /api/experiments/", fields=new_experiment, who="stan"),
    Asked("GET /api/experiments/{name}/", who="stan"),
    Asked("PATCH /api/experiments/{name}/", fields=always(description="Why"), who="stan"),
    Asked("POST /api/experiments/{name}/start/", who="stan"),
    Asked("POST /api/experiments/{name}/stop/", who="stan"),
    Asked("GET /api/experiments/{name}/results/", who="stan"),
]

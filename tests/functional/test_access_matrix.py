"""Every route x method x caller gets what tests/functional/access_table.py says."""

import re
from collections.abc import Callable
from datetime import timedelta
from io import BytesIO
from uuid import UUID
from zipfile import ZipFile

import jwt
import pytest
from django.conf import settings
from django.core import mail
from django.db import connection
from django.http import HttpResponse
from django.test import Client

from accounts.clients.scopes import Scope
from accounts.mails import mails_send
from accounts.models import User
from accounts.registration import registration_request
from accounts.tokens import AccessToken, RefreshToken
from tests.factories import PASSWORD, make_key, make_movie, make_user
from tests.functional.access_table import CALLERS, GOOD_TOKENS, KEYS, OPEN, PERSON, ROWS, Outcome, Row, routes, row_key
from tests.unit.accounts.test_registration import token_in

pytestmark = pytest.mark.django_db
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
# Something that only this person, and staff who may see people, may read.
SECRET = "the-name-of-the-first-person"
OWN = ("person", "superuser")
Ask = Callable[[str, str], HttpResponse]


@pytest.fixture(autouse=True)
def _open_connection(monkeypatch):
    """The middleware closes an answer that it replaces, upon which Django would close the test's connection."""
    monkeypatch.setattr(connection, "close_if_unusable_or_obsolete", lambda: None)


def bearer(token: object) -> dict[str, str]:
    return {"HTTP_AUTHORIZATION": f"Bearer {token}"}


def expired(user: User) -> AccessToken:
    token = AccessToken.for_user(user)
    token.set_exp(lifetime=-timedelta(minutes=1))
    return token


def forged(user: User, key: str, algorithm: str) -> str:
    return jwt.encode(AccessToken.for_user(user).payload, key, algorithm=algorithm)


def api_key(text: str) -> Client:
    return Client(HTTP_AUTHORIZATION=f"Api-Key {text}")


def session(**fields: bool) -> Client:
    client = Client()
    client.force_login(make_user(**fields))
    return client


def link_of(email: str) -> str:
    """The token of the link that a registration is mailed, with REGISTRATION=verified."""
    registration_request(email=email, password=PASSWORD, display_name="")
    mails_send()
    return token_in(mail.outbox[-1])


def token_of_deleted() -> AccessToken:
    user = make_user()
    token = AccessToken.for_user(user)
    user.delete()
    return token


def caller(name: str, person: User) -> Client:
    """The client of a caller, with its token or session."""
    makers: dict[str, Callable[[], Client]] = {
        "nobody": Client,
        "person": lambda: Client(**bearer(AccessToken.for_user(person))),
        "other person": lambda: Client(**bearer(AccessToken.for_user(make_user()))),
        "staff token": lambda: Client(**bearer(AccessToken.for_user(make_user(is_staff=True)))),
        "superuser token": lambda: Client(**bearer(AccessToken.for_user(make_user(is_staff=True, is_superuser=True)))),
        "inactive": lambda: Client(**bearer(AccessToken.for_user(make_user(is_active=False)))),
        "deleted": lambda: Client(**bearer(token_of_deleted())),
        "expired token": lambda: Client(**bearer(expired(person))),
        "forged token": lambda: Client(**bearer(forged(person, "x" * 50, "HS256"))),
        "unsigned token": lambda: Client(**bearer(forged(person, "", "none"))),
        "refresh as access": lambda: Client(**bearer(RefreshToken.for_user(person))),
        "no token at all": lambda: Client(**bearer("nonsense")),
        # Who registered and did not open the link has no token; that of the link is none.
        "unverified": lambda: Client(**bearer(link_of("unverified@example.org"))),
        "key": lambda: api_key(make_key()),
        "key without scope": lambda: api_key(make_key(scopes=[Scope.CATALOGUE_WRITE.value])),
        "wrong key": lambda: api_key(make_key()[:-3] + "AAA"),
        "key of another client": lambda: api_key(make_key("another shop")),
        "person session": session,
        "staff without permission": lambda: session(is_staff=True),
        "superuser": lambda: session(is_staff=True, is_superuser=True),
    }
    return makers[name]()


def address(route: str, row_id: int) -> str:
    """A path of the route with this id of a movie or, in the admin, of a person."""
    if not route.startswith("admin/"):
        route = re.sub(r"<uuid:\w+>", str(UUID(int=row_id)), route)
        return "/" + re.sub(r"<\w+:\w+>", str(row_id), route)
    if "app_label" in route:
        return "/admin/accounts/"
    return "/" + re.sub(r"<[^>]*>", str(row_id), route.replace("(?P<url>.*)$", "nowhere/"))


def outcome(response: HttpResponse) -> Outcome:
    status, target = response.status_code, response.get("Location", "")
    if status == 302 and target.startswith("/admin/login/"):
        return Outcome.LOGIN
    return {401: Outcome.UNAUTHENTICATED, 403: Outcome.FORBIDDEN, 404: Outcome.NOT_FOUND}.get(status, Outcome.ALLOWED)


def text_of(answer: HttpResponse) -> str:
    """The body; that of a zip has its files in it one after the other."""
    body = b"".join(answer.streaming_content) if answer.streaming else answer.content
    if body.startswith(b"PK"):
        with ZipFile(BytesIO(body)) as files:
            body = b"".join(files.read(name) for name in files.namelist())
    return body.decode(errors="replace")


def expected(row: Row, method: str, name: str) -> Outcome | int:
    """What the caller gets: the table's outcome, or 405."""
    methods = {*row.methods.split(), "OPTIONS", *(["HEAD"] if "GET" in row.methods else [])}
    right = row.right[name]
    if name in KEYS and right is Outcome.FORBIDDEN and method not in methods:
        return 405  # A valid key is refused for what it may not do, and this nobody may.
    # REST views authenticate before they refuse a method.
    return right if method in methods or right is not Outcome.ALLOWED else 405


def test_every_route_has_a_row():
    keys = {row_key(route) for route in routes()}
    missing, stale = keys - set(ROWS), set(ROWS) - keys

    lines = "\n".join(f'    "{route}": Row("GET POST", PERSON),' for route in sorted(missing))
    assert not missing, f"Say who may call these, in ROWS of tests/functional/access_table.py:\n{lines}"
    assert not stale, f"There are no such routes any more; delete their rows: {sorted(stale)}"


def test_each_right_names_every_caller():
    assert all(set(row.right) == set(CALLERS) for row in ROWS.values())


@pytest.mark.parametrize("name", CALLERS)
@pytest.mark.parametrize("route", [route for route in routes() if not route.startswith("admin/")])
def test_a_caller_of_the_api_gets_what_the_table_says(route, name):
    person = make_user("first@example.org", display_name=SECRET)
    path, row = address(route, make_movie().pk), ROWS[row_key(route)]
    client = caller(name, person)

    # A view names no scope for OPTIONS.
    for method in METHODS if name not in KEYS else METHODS[:-1]:
        if name in GOOD_TOKENS:
            # Signing out ends the tokens of the version before.
            person.refresh_from_db()
            client = caller(name, person)
        answer = client.generic(method, path, b"{}", content_type="application/json")

        wanted = expected(row, method, name)
        # There is no such group, link or customer: the answer of the view itself.
        if not (wanted is Outcome.ALLOWED and "<" in route and answer.status_code == 404):
            assert (answer.status_code if wanted == 405 else outcome(answer)) == wanted, (method, answer.status_code)
        assert answer.status_code < 500
        if name not in OWN:
            shown = text_of(answer)
            assert SECRET not in shown
            assert "first@example.org" not in shown
    assert User.objects.filter(pk=person.pk, display_name=SECRET).exists()


@pytest.mark.parametrize(
    "name", ["nobody", "person", "superuser token", "person session", "staff without permission", "superuser"]
)
@pytest.mark.parametrize("route", [route for route in routes() if route.startswith("admin/")])
def test_a_caller_of_the_admin_gets_what_the_table_says(route, name):
    person = make_user("first@example.org", display_name=SECRET)
    path, row = address(route, person.pk), ROWS[row_key(route)]

    for method in ("GET", "POST"):
        answer = caller(name, person).generic(method, path, b"", content_type="application/x-www-form-urlencoded")

        wanted = expected(row, method, name)
        got: Outcome | int = answer.status_code if wanted == 405 else outcome(answer)
        # A page of something that does not exist leads to the start instead.
        if wanted is Outcome.FORBIDDEN and answer.status_code == 302:
            assert answer["Location"] == "/admin/"
        elif method not in row.methods and answer.status_code == 405:
            assert name in ("staff without permission", "superuser")
        else:
            assert got == wanted, (method, answer.status_code, answer.get("Location"))
        assert answer.status_code < 500
        if name != "superuser":
            assert SECRET not in answer.content.decode(errors="replace")
    # An empty form of a superuser's is a change like any other.
    assert name == "superuser" or User.objects.filter(pk=person.pk, display_name=SECRET).exists()


def test_a_refused_caller_learns_how_to_authenticate():
    for route, row in ROWS.items():
        if row.right is PERSON:
            refused = Client().get(address(route, 1))
            assert refused["WWW-Authenticate"].startswith("Bearer"), route
    assert OPEN is not PERSON
    assert settings.REST_FRAMEWORK["DEFAULT_PERMISSION_CLASSES"] == ["rest_framework.permissions.IsAuthenticated"]


def test_an_unverified_person_is_nobody():
    tokens = {email: link_of(email) for email in ("unverified@example.org", "other@example.org")}
    client = Client()

    def post(path: str, **body: str) -> HttpResponse:
        return client.post(path, body, content_type="application/json")

    # Signing in is refused as for an address that nobody registered, and for a wrong password.
    refused = [
        post("/api/auth/token/", email=email, password=password)
        for email, password in (
            ("unverified@example.org", PASSWORD),
            ("unverified@example.org", "another long one"),
            ("nobody@example.org", PASSWORD),
        )
    ]
    assert {answer.status_code for answer in refused} == {401}
    assert len({str({**answer.json()["error"], "request_id": ""}) for answer in refused}) == 1
    # The link of somebody else needs the password that they registered with.
    stolen = post("/api/auth/register/confirm/", token=tokens["other@example.org"], password="another long one")
    assert stolen.status_code == 400
    assert not User.objects.filter(email__in=tokens).exists()
    own = post("/api/auth/register/confirm/", token=tokens["unverified@example.org"], password=PASSWORD)
    assert own.status_code == 201

"""A person brings their taste over HTTP, with files larger than other bodies, and hostile ones."""

import http.client
import json
import os
from itertools import count
from urllib.parse import urlsplit

import pytest

from accounts.models import User
from events.models import Interaction, Rating
from events.taste.models import TasteImport
from tests.factories import make_movie
from tests.functional.web_server import WebServer, error_of, web_server
from tests.unit.events.taste import files
from tests.unit.events.taste.files import zipped

pytestmark = pytest.mark.django_db(transaction=True)
PATH = "/api/taste-imports/"
MEGABYTE = 1024 * 1024
BOUNDARY = "b4dc0ffee0ddf00d"
FORM = f"multipart/form-data; boundary={BOUNDARY}"
_numbers = count(1)


@pytest.fixture(scope="module")
def server(tmp_path_factory, django_db_setup, django_db_blocker) -> WebServer:
    environment = {
        "MAX_BODY_BYTES": "100000",
        "RATELIMIT_ENABLE": "false",
        "WEB_CONCURRENCY": "1",
        "REGISTRATION": "immediate",
    }
    with django_db_blocker.unblock(), web_server(tmp_path_factory.mktemp("web"), **environment) as running:
        yield running


def form(content: bytes, name: str) -> bytes:
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n\r\n'
    return head.encode() + content + f"\r\n--{BOUNDARY}--\r\n".encode()


def register(server: WebServer) -> tuple[User, str]:
    """A new person, and their access token."""
    account = {"email": f"taste{next(_numbers)}@example.org", "password": "a long enough one"}
    answer = server.request("POST", "/api/auth/register/", account)
    assert answer.status == 201, answer.body
    return User.objects.get(pk=answer.json()["id"]), answer.json()["access"]


def headers(token: str, kind: str = FORM) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}", "Content_Type": kind}


def upload(server: WebServer, token: str, content: bytes, name: str = "export.zip"):
    return server.request("POST", PATH, form(content, name), **headers(token))


def test_a_large_export_is_imported_over_http(server):
    make_movie("Heat of the test", 1995, imdb_id="tt9113277")
    person, token = register(server)
    # Text that does not shrink: the zip has two megabytes, twenty times the limit of other bodies.
    noise = "".join(f"1,Heat,1995,https://example.org/{os.urandom(50_000).hex()},\n" for _ in range(40))
    export = zipped({"diary.csv": files.DIARY.replace("Heat", "Heat of the test"), "lists/a.csv": files.LIST + noise})
    assert len(export.getvalue()) > 1.9 * MEGABYTE

    created = upload(server, token, export.getvalue())

    assert created.status == 201, created.body
    assert created.json()["summary"]["matched"] == 1
    one = f"{PATH}{created.json()['id']}/"
    confirmed = server.request("POST", f"{one}confirm/", {}, **headers(token, "application/json"))
    assert confirmed.json()["result"]["recorded"] == {"rating": 1}
    assert Rating.objects.get(user=person).value == 4.5
    unmatched = server.request("GET", f"{one}unmatched/", **headers(token))
    assert b"City of Lost Children" in unmatched.body


@pytest.mark.parametrize(
    ("content", "name", "message"),
    [
        (lambda: zipped({"ratings.csv": files.RATINGS.encode() + b"0" * 60_000_000}).getvalue(), "a.zip", "inflates"),
        (lambda: zipped({f"{n}.csv": "" for n in range(100_000)}).getvalue(), "a.zip", "more than 2,000"),
        (lambda: zipped({"../a.csv": files.RATINGS}).getvalue(), "a.zip", "leads out"),
        (lambda: os.urandom(500_000), "ratings.csv", "not a text"),
        (lambda: b"Dear reader\n", "ratings.csv", "no export"),
    ],
    ids=["bomb", "members", "path", "binary", "letter"],
)  # fmt: skip
def test_a_hostile_file_is_a_clear_error(server, content, name, message):
    person, token = register(server)

    error = error_of(upload(server, token, content(), name), 400)

    assert message in error["fields"]["file"][0]
    assert not TasteImport.objects.filter(user=person).exists()
    assert not Interaction.objects.filter(user=person).exists()
    assert server.request("GET", "/health/live").status == 200


def test_a_file_of_100_mb_is_refused_before_it_is_sent(server):
    person, token = register(server)
    connection = http.client.HTTPConnection(urlsplit(server.url).netloc, timeout=30)
    sent = {"Authorization": f"Bearer {token}", "Content-Length": str(100 * MEGABYTE)}
    try:
        connection.request("POST", PATH, headers=sent | {"Content-Type": FORM})
        answer = connection.getresponse()
        error = json.loads(answer.read())["error"]
    finally:
        connection.close()

    assert (answer.status, error["code"]) == (413, "payload_too_large")
    assert not TasteImport.objects.filter(user=person).exists()

"""``manage.py api_client``."""

from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from accounts.clients.models import Client, ClientKey
from tests.factories import client_with_key


def run(*arguments: str) -> tuple[str, str]:
    """What the command writes on standard output and standard error."""
    out, err = StringIO(), StringIO()
    call_command("api_client", *arguments, stdout=out, stderr=err)
    return out.getvalue(), err.getvalue()


def create(*arguments: str) -> str:
    return run("create", "shop", "--scope", "catalogue:read", *arguments)[0].strip()


def test_create_prints_the_key_alone_on_its_line(db):
    out, err = run("create", "shop", "--scope", "catalogue:read", "--scope", "events:write")
    key = ClientKey.objects.get()

    assert out.count("\n") == 1
    assert client_with_key(out.strip()).get("/api/genres/").status_code == 200
    assert out.strip() not in err
    assert key.scopes == ["catalogue:read", "events:write"]
    assert (key.client.name, key.expires_at) == ("shop", None)


def test_a_second_key_belongs_to_the_same_client(db):
    create()
    create("--expires", "30", "--rate-limit", "5/s")

    assert Client.objects.count() == 1
    newest = ClientKey.objects.latest("created_at")
    assert (newest.expires_at - newest.created_at).days in (29, 30)
    assert newest.rate_limit == "5/s"


@pytest.mark.parametrize(
    "arguments", [("--scope", "movies:burn"), ("--expires", "0"), ("--expires", "x"), ("--rate-limit", "many")]
)
def test_a_wrong_argument_creates_no_key(db, arguments):
    with pytest.raises(CommandError):
        create(*arguments)
    assert not Client.objects.exists()


def test_the_error_for_a_rate_names_it_and_its_form(db):
    with pytest.raises(CommandError, match=r"^rate_limit: .* 6000/m:500"):
        create("--rate-limit", "5x")


def test_a_key_needs_a_scope(db):
    with pytest.raises(CommandError):
        run("create", "shop")


def test_list_shows_every_key_and_no_secret(db):
    first, second = create(), create()
    run("revoke", first.partition(".")[0])
    out, _ = run("list")

    assert f"{first.partition('.')[0]}  revoked" in out
    assert f"{second.partition('.')[0]}  valid" in out
    assert first.partition(".")[2] not in out


def test_revoke_ends_a_key_at_once(db):
    first, second = create(), create()
    run("revoke", first)

    assert client_with_key(first).get("/api/genres/").status_code == 401
    assert client_with_key(second).get("/api/genres/").status_code == 200
    with pytest.raises(CommandError):
        run("revoke", "nothing")

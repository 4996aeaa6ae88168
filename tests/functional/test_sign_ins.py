"""Sign-ins over HTTP: refreshes at once, replays, lost answers, and accounts that begin with a mailed link."""

import pytest
from django.conf import settings
from django.core import mail

from accounts import signins
from accounts.mails import mails_send
from accounts.models import AccountMail, RefreshToken, User
from tests.factories import PASSWORD, make_user
from tests.functional.cinema import at_once
from tests.functional.web_server import WebServer, web_server
from tests.unit.accounts.test_registration import token_in

pytestmark = pytest.mark.django_db(transaction=True)
REFRESH, ME = "/api/auth/refresh/", "/api/auth/me/"
FORM = {"Content_Type": "application/x-www-form-urlencoded"}


@pytest.fixture(scope="module")
def server(tmp_path_factory, django_db_setup, django_db_blocker):
    environment = {
        "RATELIMIT_ENABLE": "false",
        "REGISTRATION": "verified",
        "SECRET_KEY": settings.SECRET_KEY,
        "JWT_SIGNING_KEY": settings.JWT_SIGNING_KEY,
    }
    with django_db_blocker.unblock(), web_server(tmp_path_factory.mktemp("web"), **environment) as running:
        yield running


def refresh(server: WebServer, token: str):
    return server.request("POST", REFRESH, {"refresh": token})


def me(server: WebServer, access: str) -> int:
    return server.request("GET", ME, Authorization=f"Bearer {access}").status


def test_of_twenty_refreshes_at_once_one_family_survives(server):
    people = [make_user() for _ in range(3)]
    for person in people:
        token = signins.tokens_issue(user=person).refresh

        answers = at_once([lambda token=token: refresh(server, token)] * 20)

        # One exchange: those who came later got its answer again.
        assert {answer.status for answer in answers} == {200}
        assert len({answer.body for answer in answers}) == 1
        newest = answers[0].json()
        assert newest["refresh"] != token
        assert me(server, newest["access"]) == 200
        assert refresh(server, newest["refresh"]).status == 200
    assert RefreshToken.objects.filter(revoked_at=None, user__in=people).count() == 3


def test_a_replay_signs_the_thief_and_the_victim_out(server):
    stolen = signins.tokens_issue(user=make_user()).refresh
    victims = refresh(server, stolen).json()
    victims = refresh(server, victims["refresh"]).json()
    assert me(server, victims["access"]) == 200

    assert refresh(server, stolen).status == 401

    assert refresh(server, victims["refresh"]).status == 401
    assert me(server, victims["access"]) == 401
    assert any(line["event"] == "refresh_token_replayed" for line in server.log_lines())


def test_a_client_that_lost_the_answer_gets_it_again(server):
    token = signins.tokens_issue(user=make_user()).refresh

    first, again = refresh(server, token), refresh(server, token)

    assert (first.status, again.status) == (200, 200)
    assert first.body == again.body
    assert refresh(server, again.json()["refresh"]).status == 200


def test_an_account_begins_with_a_mailed_link(server):
    account = {"email": "ada@x.org", "password": "a long enough one"}
    make_user("bob@x.org")
    before = User.objects.count()

    free = server.request("POST", "/api/auth/register/", account)
    taken = server.request("POST", "/api/auth/register/", account | {"email": "bob@x.org"})

    assert (free.status, free.body) == (taken.status, taken.body) == (202, free.body)
    assert {name for name, _ in free.headers.items()} == {name for name, _ in taken.headers.items()}
    assert not User.objects.filter(email="ada@x.org").exists()
    mails_send()
    link = next(message for message in mail.outbox if message.to == ["ada@x.org"])
    confirm = {"token": token_in(link), "password": account["password"]}
    begun = server.request("POST", "/api/auth/register/confirm/", confirm)
    assert begun.status == 201
    assert me(server, begun.json()["access"]) == 200
    assert server.request("POST", "/api/auth/register/confirm/", confirm).status == 400
    form = b"grant_type=password&username=ada%40x.org&password=a+long+enough+one"
    assert server.request("POST", "/api/auth/token/", form, **FORM).status == 200
    assert User.objects.count() == before + 1


def test_a_link_sets_a_password_once(server):
    user = make_user("ada.again@x.org")
    pair = signins.tokens_issue(user=user)
    assert server.request("POST", "/api/auth/password/reset/", {"email": "ada.again@x.org"}).status == 202
    assert AccountMail.objects.get(email="ada.again@x.org").sent_at is None
    mails_send()
    confirm = {
        "token": token_in(next(message for message in mail.outbox if message.to == ["ada.again@x.org"])),
        "password": "another long password",
    }

    answers = at_once([lambda: server.request("POST", "/api/auth/password/reset/confirm/", confirm)] * 8)

    # Those that found no turn to hash are a 503.
    statuses = [answer.status for answer in answers]
    assert statuses.count(204) == 1
    assert set(statuses) <= {204, 400, 503}
    assert me(server, pair.access) == 401
    old = {"email": "ada.again@x.org", "password": PASSWORD}
    assert server.request("POST", "/api/auth/token/", old).status == 401
    assert server.request("POST", "/api/auth/token/", old | {"password": confirm["password"]}).status == 200
    # Links and passwords are in no line of the log.
    log = server.log.read_text()
    assert not [secret for secret in (*confirm.values(), PASSWORD, pair.access, pair.refresh) if secret in log]

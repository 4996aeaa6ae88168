"""Registering by a mailed link: nobody learns from it who has an account."""

import json
import re
from datetime import timedelta
from smtplib import SMTPRecipientsRefused, SMTPServerDisconnected

import pytest
from django.core import mail
from django.core.checks import run_checks
from django.core.mail.backends.locmem import EmailBackend
from django.utils import timezone

from accounts.checks import check_mail
from accounts.deletion import user_delete
from accounts.mails import mails_flush, mails_send
from accounts.models import AccountMail, RefreshToken, User
from tests.factories import PASSWORD, client_of, make_user

pytestmark = pytest.mark.django_db
STRONG = "a long enough one"
REGISTER, CONFIRM = "/api/auth/register/", "/api/auth/register/confirm/"


@pytest.fixture(autouse=True)
def _verified(settings):
    settings.REGISTRATION = "verified"


def post(path: str, **body: str):
    return client_of().post(path, json.dumps(body), content_type="application/json")


def token_in(message) -> str:
    (token,) = re.findall(r"/accounts/\w+/([^/\s]+)/", message.body)
    return token


def link_of(email: str, password: str = STRONG) -> str:
    """The token of the link that registering mails to an address."""
    assert post(REGISTER, email=email, password=password).status_code == 202
    mails_send()
    return token_in(mail.outbox[-1])


def test_the_error_for_a_used_link_says_what_to_do():
    token = link_of("ada@x.org")
    assert post(CONFIRM, token=token, password=STRONG).status_code == 201

    assert "Ask for a new" in post(CONFIRM, token=token, password=STRONG).json()["error"]["fields"]["token"][0]
    assert b"Ask for a new" in client_of().get(f"/accounts/register/{token}/").content


def test_an_account_begins_with_the_link_and_not_before():
    assert post(REGISTER, email="Ada@X.org", password=STRONG, display_name="Ada").status_code == 202
    assert mails_send() == 1
    assert mail.outbox[0].to == ["ada@x.org"]
    assert STRONG not in mail.outbox[0].body
    assert not User.objects.exists()
    assert post("/api/auth/token/", email="ada@x.org", password=STRONG).status_code == 401

    response = post(CONFIRM, token=token_in(mail.outbox[0]), password=STRONG)

    assert response.status_code == 201
    assert response["Cache-Control"] == "no-store"
    user = User.objects.get()
    assert (user.email, user.display_name, user.is_staff) == ("ada@x.org", "Ada", False)
    client = client_of()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {response.json()['access']}")
    assert client.get("/api/auth/me/").json()["id"] == user.pk
    assert post("/api/auth/token/", email="ada@x.org", password=STRONG).status_code == 200
    assert not AccountMail.objects.exclude(password="").exists()


def test_a_taken_address_gets_the_same_answer_and_a_note():
    user = make_user("ada@x.org")

    taken = post(REGISTER, email="ada@x.org", password=STRONG)
    free = post(REGISTER, email="bob@x.org", password=STRONG)
    mails_send()

    assert (taken.status_code, taken.content) == (free.status_code, free.content) == (202, free.content)
    assert set(taken.headers) == set(free.headers)
    note, link = mail.outbox
    assert (note.to, link.to) == (["ada@x.org"], ["bob@x.org"])
    assert "/accounts/" not in note.body
    assert User.objects.get() == user
    assert user.check_password(PASSWORD)


def test_a_link_is_good_once():
    token = link_of("ada@x.org")

    assert post(CONFIRM, token=token, password=STRONG).status_code == 201
    again = post(CONFIRM, token=token, password=STRONG)

    assert again.status_code == 400
    assert list(again.json()["error"]["fields"]) == ["token"]
    assert (User.objects.count(), RefreshToken.objects.count()) == (1, 1)


def test_a_strangers_registration_gives_them_no_account():
    strangers, own = link_of("ada@x.org", "the stranger's words"), link_of("ada@x.org")

    # Ada opens the stranger's link, and enters the password that she chose.
    wrong = post(CONFIRM, token=strangers, password=STRONG)
    assert list(wrong.json()["error"]["fields"]) == ["password"]
    assert not User.objects.exists()

    assert post(CONFIRM, token=own, password=STRONG).status_code == 201
    assert post(CONFIRM, token=strangers, password="the stranger's words").status_code == 400
    assert User.objects.get().check_password(STRONG)


def test_a_link_ends_after_its_hours():
    token = link_of("ada@x.org")
    with pytest.MonkeyPatch.context() as patch:
        later = timezone.now().timestamp() + 24 * 3600 + 60
        patch.setattr("django.core.signing.time.time", lambda: later)
        assert post(CONFIRM, token=token, password=STRONG).status_code == 400
    assert not User.objects.exists()


@pytest.mark.parametrize("token", ["", "x", "a:b:c", "WyJyZWdpc3RlciIsMV0:1vXyZ0:k3r9", "\ud800", "é" * 400, "x" * 501])
def test_a_forged_link_is_a_400(token):
    link_of("ada@x.org")

    assert post(CONFIRM, token=token, password=STRONG).status_code == 400
    assert not User.objects.exists()


def test_a_link_of_the_other_kind_is_refused():
    user = make_user("ada@x.org")
    post("/api/auth/password/reset/", email="ada@x.org")
    mails_send()
    reset = token_in(mail.outbox[-1])

    assert post(CONFIRM, token=reset, password=PASSWORD).status_code == 400
    assert post("/api/auth/password/reset/confirm/", token=link_of("b@x.org"), password=STRONG).status_code == 400
    assert User.objects.get() == user


@pytest.mark.parametrize("body", [{"email": "a@x.org", "password": "short"}, {"email": "no", "password": STRONG}])
def test_an_invalid_registration_mails_nothing(body):
    assert post(REGISTER, **body).status_code == 400
    assert not AccountMail.objects.exists()


def test_no_more_mails_than_the_limit_reach_an_address(settings):
    settings.ACCOUNT_MAILS_PER_HOUR = 2
    for _ in range(4):
        post(REGISTER, email="ada@x.org", password=STRONG)
        post(REGISTER, email="bob@x.org", password=STRONG)

    assert mails_send() == 8

    assert sorted(message.to[0] for message in mail.outbox) == ["ada@x.org"] * 2 + ["bob@x.org"] * 2
    AccountMail.objects.update(sent_at=timezone.now() - timedelta(minutes=61))
    link_of("ada@x.org")
    assert len(mail.outbox) == 5


def test_a_mail_server_that_is_down_loses_no_mail(monkeypatch):
    post(REGISTER, email="ada@x.org", password=STRONG)
    with monkeypatch.context() as patch:
        patch.setattr(EmailBackend, "send_messages", lambda *_: (_ for _ in ()).throw(SMTPServerDisconnected()))
        assert mails_send() == 0
    assert AccountMail.objects.get().sent_at is None

    assert (mails_send(), len(mail.outbox)) == (1, 1)
    assert (mails_send(), len(mail.outbox)) == (0, 1)


def test_a_refused_address_holds_up_nobody(monkeypatch):
    post(REGISTER, email="ada@x.org", password=STRONG)
    post(REGISTER, email="bob@x.org", password=STRONG)
    send = EmailBackend.send_messages

    def refuse(self, messages):
        if messages[0].to == ["ada@x.org"]:
            raise SMTPRecipientsRefused({})
        return send(self, messages)

    monkeypatch.setattr(EmailBackend, "send_messages", refuse)

    assert mails_send() == 2
    assert [message.to for message in mail.outbox] == [["bob@x.org"]]


def test_what_expired_is_deleted_and_the_rest_kept():
    link_of("ada@x.org")
    old = AccountMail.objects.get()
    AccountMail.objects.update(created_at=timezone.now() - timedelta(hours=25))
    link_of("bob@x.org")

    assert mails_flush() == 1
    assert not AccountMail.objects.filter(pk=old.pk).exists()
    assert AccountMail.objects.get().email == "bob@x.org"


def test_deleting_a_person_deletes_their_mails():
    user = make_user("ada@x.org")
    post("/api/auth/password/reset/", email="ada@x.org")
    post("/api/auth/password/reset/", email="bob@x.org")

    user_delete(user_id=user.pk)

    assert AccountMail.objects.get().email == "bob@x.org"


def test_immediate_registration_mails_nothing(settings):
    settings.REGISTRATION = "immediate"

    assert post(REGISTER, email="ada@x.org", password=STRONG).status_code == 201
    assert not AccountMail.objects.exists()
    assert User.objects.get().email == "ada@x.org"


def test_links_lead_to_another_front_end_if_there_is_one(settings):
    settings.ACCOUNT_LINKS = {"register": "https://films.example/welcome#{token}", "reset": ""}
    post(REGISTER, email="ada@x.org", password=STRONG)
    mails_send()

    (token,) = re.findall(r"https://films\.example/welcome#(\S+)", mail.outbox[0].body)
    assert post(CONFIRM, token=token, password=STRONG).status_code == 201


def test_a_deployment_without_a_mail_server_is_warned_of(settings):
    assert check_mail(None) == []  # The tests have one.
    settings.EMAIL_BACKEND = "django.core.mail.backends.console.EmailBackend"

    assert [each.id for each in check_mail(None)] == ["accounts.W001"]
    assert "accounts.W001" in [each.id for each in run_checks(include_deployment_checks=True)]

"""Setting a forgotten password by a mailed link."""

import pytest
from django.core import mail, signing
from django.test import Client
from django.utils import timezone

from accounts import signins
from accounts.mails import mails_send
from accounts.models import AccountMail, User
from tests.factories import PASSWORD, client_of, make_imported_user, make_user
from tests.unit.accounts.test_registration import post, token_in

pytestmark = pytest.mark.django_db
NEW = "another long password"
RESET, CONFIRM = "/api/auth/password/reset/", "/api/auth/password/reset/confirm/"


def link_to(email: str) -> str:
    assert post(RESET, email=email).status_code == 202
    mails_send()
    return token_in(mail.outbox[-1])


def test_a_link_sets_the_password_and_ends_every_token():
    user = make_user("ada@x.org")
    pair = signins.tokens_issue(user=user)
    other = signins.tokens_issue(user=make_user("bob@x.org"))

    response = post(CONFIRM, token=link_to("ada@x.org"), password=NEW)

    assert (response.status_code, response.content) == (204, b"")
    user = User.objects.get(email="ada@x.org")
    assert user.check_password(NEW)
    assert not user.check_password(PASSWORD)
    with pytest.raises(signins.InvalidRefreshTokenError):
        signins.tokens_refresh(refresh=pair.refresh)
    client = client_of()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {pair.access}")
    assert client.get("/api/auth/me/").status_code == 401
    signins.tokens_refresh(refresh=other.refresh)
    assert User.objects.get(email="bob@x.org").check_password(PASSWORD)


def test_all_addresses_get_the_same_answer_and_accounts_a_mail():
    make_user("ada@x.org")
    make_user("gone@x.org", is_active=False)
    make_imported_user()

    answers = [post(RESET, email=email) for email in ("ada@x.org", "gone@x.org", "nobody@x.org")]
    mails_send()

    assert len({(answer.status_code, answer.content) for answer in answers}) == 1
    assert len({frozenset(answer.headers) for answer in answers}) == 1
    assert [message.to for message in mail.outbox] == [["ada@x.org"]]
    assert AccountMail.objects.get().email == "ada@x.org"


def test_a_link_is_good_once_and_ends_the_others():
    make_user("ada@x.org")
    first, second = link_to("ada@x.org"), link_to("ada@x.org")

    assert post(CONFIRM, token=second, password=NEW).status_code == 204

    for token in (first, second):
        refused = post(CONFIRM, token=token, password="yet another long one")
        assert (refused.status_code, list(refused.json()["error"]["fields"])) == (400, ["token"])
    assert User.objects.get().check_password(NEW)


@pytest.mark.parametrize("change", ["password", "everywhere", "inactive", "deleted"])
def test_what_ends_tokens_ends_links(change):
    user = make_user("ada@x.org")
    token = link_to("ada@x.org")
    if change == "password":
        user.set_password("changed by themselves")
        user.save()
    elif change == "everywhere":
        signins.sign_ins_end(user=user)
    elif change == "inactive":
        user.is_active = False
        user.save()
    else:
        user.delete()
        make_user("ada@x.org", token_version=1)

    assert post(CONFIRM, token=token, password=NEW).status_code == 400
    assert not User.objects.get().check_password(NEW)


def test_a_weak_password_leaves_the_link_good():
    make_user("ada@x.org")
    token = link_to("ada@x.org")

    weak = post(CONFIRM, token=token, password="short")

    assert (weak.status_code, list(weak.json()["error"]["fields"])) == (400, ["password"])
    assert User.objects.get().check_password(PASSWORD)
    assert post(CONFIRM, token=token, password=NEW).status_code == 204


def browser() -> Client:
    return Client(enforce_csrf_checks=True)


def fill_in(page: Client, path: str, password: str):
    form = page.get(path)
    assert form.status_code == 200
    assert "no-store" in form["Cache-Control"]
    return page.post(path, {"password": password, "csrfmiddlewaretoken": page.cookies["csrftoken"].value})


def test_the_page_of_a_reset_sets_the_password():
    make_user("ada@x.org")
    path = f"/accounts/reset/{link_to('ada@x.org')}/"

    assert browser().post(path, {"password": NEW}).status_code == 403
    assert fill_in(browser(), path, "short").status_code == 400
    assert User.objects.get().check_password(PASSWORD)
    assert fill_in(browser(), path, NEW).status_code == 200

    assert User.objects.get().check_password(NEW)
    assert browser().get(path).status_code == 404


def test_opening_the_page_of_a_registration_changes_nothing(settings):
    settings.REGISTRATION = "verified"
    post("/api/auth/register/", email="ada@x.org", password=NEW)
    mails_send()
    path = f"/accounts/register/{token_in(mail.outbox[-1])}/"

    for _ in range(3):  # A program that checks mails opens links, too.
        assert browser().get(path).status_code == 200
    assert not User.objects.exists()
    wrong = fill_in(browser(), path, "not what was chosen")
    assert wrong.status_code == 400
    assert b"not the password that you registered with" in wrong.content
    assert fill_in(browser(), path, NEW).status_code == 200

    assert User.objects.get().check_password(NEW)
    for page in (path, "/accounts/register/forged/", f"/accounts/reset/{path.split('/')[3]}/"):
        assert browser().get(page).status_code == 404


@pytest.mark.parametrize("kind", ["register", "reset"])
@pytest.mark.parametrize("row", [[1], {"a": 1}, None, True, 1.0, 2**70, "1", "x", "\0"], ids=repr)
def test_a_signed_link_without_sense_is_not_valid(client, kind, row):
    """As one that another release signed."""
    AccountMail.objects.create(pk=1, kind=kind, email="ada@x.org", sent_at=timezone.now(), token_version=0)
    make_user("ada@x.org")
    token = signing.dumps([kind, row], salt="accounts.links")
    path = {"register": "/api/auth/register/confirm/", "reset": "/api/auth/password/reset/confirm/"}[kind]

    answer = post(path, token=token, password=NEW)

    assert answer.status_code == 400
    assert list(answer.json()["error"]["fields"]) == ["token"]
    assert client.get(f"/accounts/{kind}/{token}/").status_code == 404
    assert AccountMail.objects.get().used_at is None

"""Two-factor sign-in to the admin: who needs a code, which codes open it, and who reads the secrets."""

import io
import json
import zipfile

import pytest
from django.contrib import admin
from django.core.cache import caches
from django.core.checks import run_checks
from django.core.management import CommandError, call_command
from django.test import Client
from django_otp.oath import totp
from django_otp.plugins.otp_static.models import StaticDevice, StaticToken
from django_otp.plugins.otp_totp.models import TOTPDevice

from accounts.deletion import user_delete
from accounts.passwords import password_change
from accounts.totp import recovery_codes_create, totp_enrol
from tests.factories import PASSWORD, client_of, make_user

pytestmark = pytest.mark.django_db
LOGIN = "/admin/login/?next=/admin/"
PAGES = ("/admin/", "/admin/jsi18n/", "/admin/autocomplete/", "/admin/password_change/", "/admin/accounts/user/")


@pytest.fixture(autouse=True)
def _mode(settings):
    settings.ADMIN_TOTP = "optional"
    caches["ratelimit"].delete_pattern("*")


@pytest.fixture
def ada():
    return make_user("ada@x.org", is_staff=True, is_superuser=True)


@pytest.fixture
def device(ada) -> TOTPDevice:
    return totp_enrol(user=ada, confirmed=True)


def code_of(device: TOTPDevice, steps: int = 0) -> str:
    """The code that the app shows now, or this many half minutes later."""
    return f"{totp(device.bin_key, t0=-30 * steps):06}"


def wait_is_over(device: TOTPDevice) -> None:
    type(device).objects.filter(pk=device.pk).update(throttling_failure_timestamp=None, throttling_failure_count=0)


def sign_in(client: Client, code: str = "", password: str = PASSWORD, email: str = "ada@x.org"):
    return client.post(LOGIN, {"username": email, "password": password, "otp_token": code})


def test_a_right_code_opens_the_admin(device):
    client = Client()

    assert sign_in(client, code_of(device)).status_code == 302
    assert client.get("/admin/").status_code == 200
    assert client.get("/admin/autocomplete/").status_code == 403  # It names no field.


@pytest.mark.parametrize(
    "code", ["", "000000", "abcd-efgh-ijkl", "0", "\uff11\uff12\uff13\uff14\uff15\uff16", "-1", "x" * 64, "\x00"]
)
def test_a_wrong_code_is_answered_as_a_wrong_password(device, code):
    wait_is_over(device)
    client = Client()

    wrong = sign_in(client, code)

    assert (wrong.status_code, "sessionid" in client.cookies) == (200, False)
    assert "known_device" not in client.cookies
    other = sign_in(Client(), code, password="wrong")
    assert wrong.context["form"].non_field_errors() == other.context["form"].non_field_errors()


def test_a_code_is_good_once(device):
    code = code_of(device)
    assert sign_in(Client(), code).status_code == 302

    assert sign_in(Client(), code).status_code == 200
    wait_is_over(device)
    assert sign_in(Client(), code).status_code == 200
    wait_is_over(device)
    assert sign_in(Client(), code_of(device, steps=-1)).status_code == 200
    wait_is_over(device)
    assert sign_in(Client(), code_of(device, steps=1)).status_code == 302


@pytest.mark.usefixtures("device")
@pytest.mark.parametrize("path", PAGES)
def test_a_session_without_a_code_reaches_no_page(ada, path):
    client = Client()
    client.force_login(ada)

    answer = client.get(path)

    assert answer.status_code == 302
    assert answer["Location"].startswith("/admin/login/")


def test_a_device_of_somebody_else_opens_nothing(ada, device):
    other = totp_enrol(user=make_user("bob@x.org", is_staff=True), confirmed=True)
    assert sign_in(Client(), code_of(other)).status_code == 200

    client = Client()
    client.force_login(ada)
    session = client.session
    session["otp_device_id"] = other.persistent_id
    session.save()

    assert client.get("/admin/").status_code == 302


def test_who_has_no_device_needs_no_code_where_optional(ada):
    client = Client()

    assert sign_in(client).status_code == 302
    assert client.get("/admin/").status_code == 200


def test_off_asks_for_no_code(settings, device):
    settings.ADMIN_TOTP = "off"
    client = Client()

    assert "otp_token" not in client.get(LOGIN).content.decode()
    assert sign_in(client).status_code == 302
    assert client.get("/admin/").status_code == 200


@pytest.mark.parametrize("mode", ["required", "requierd"])
def test_staff_without_a_device_are_told_what_to_do(settings, ada, mode):
    settings.ADMIN_TOTP = mode
    client = Client()

    answer = sign_in(client)

    assert answer.status_code == 403
    assert "admin_totp enrol" in answer.content.decode()
    assert "sessionid" not in client.cookies
    client.force_login(ada)
    assert client.get("/admin/").status_code == 302
    # Only with the right password, and only staff.
    assert sign_in(Client(), password="wrong").status_code == 200
    make_user("person@x.org")
    assert sign_in(Client(), email="person@x.org").status_code == 200


def test_a_misspelt_mode_is_found_at_startup(settings):
    settings.ADMIN_TOTP = "requierd"

    assert [error.id for error in run_checks() if error.id == "accounts.E001"] == ["accounts.E001"]


def test_guesses_of_codes_count_for_the_account(settings, device):
    settings.RATELIMIT_ENABLE = True
    many = ["1000/m:1000"]
    settings.RATE_LIMITS = settings.RATE_LIMITS | {
        "login_address": many,
        "login_known": many,
        "login_account": ["3/d:3"],
    }
    known = Client()
    # The API knows the password alone, and makes the device known.
    body = json.dumps({"email": "ada@x.org", "password": PASSWORD})
    assert known.post("/api/auth/token/", body, content_type="application/json").status_code == 200

    for client in (known, Client(REMOTE_ADDR="10.1.1.1")):
        caches["ratelimit"].delete_pattern("*bucket*")
        statuses = []
        for _ in range(5):
            wait_is_over(device)
            statuses.append(sign_in(client, "000000").status_code)
        assert statuses == [200] * 3 + [429] * 2
        wait_is_over(device)
        assert sign_in(client, code_of(device)).status_code == 429


def test_guesses_wait_longer_each_time(device):
    assert sign_in(Client(), "000000").status_code == 200

    assert sign_in(Client(), code_of(device)).status_code == 200
    wait_is_over(device)
    assert sign_in(Client(), code_of(device)).status_code == 302


def test_a_recovery_code_opens_the_admin_once(ada, device):
    codes = recovery_codes_create(user=ada)

    assert len(set(codes)) == 10
    assert sign_in(Client(), codes[0].upper().replace("-", " ")).status_code == 302
    assert sign_in(Client(), codes[0]).status_code == 200
    wait_is_over(StaticDevice.objects.get())
    newer = recovery_codes_create(user=ada)
    assert sign_in(Client(), codes[1]).status_code == 200
    wait_is_over(StaticDevice.objects.get())
    assert sign_in(Client(), newer[1]).status_code == 302
    # Nobody signs in with what they read in the database.
    stored = StaticToken.objects.values_list("token", flat=True)
    assert len(stored) == 9
    assert not {code.replace("-", "") for code in newer} & set(stored)
    assert sign_in(Client(), stored[0]).status_code == 200


def test_a_new_password_keeps_the_device(ada, device):
    password_change(user=ada, old_password=PASSWORD, new_password="another battery horse")

    assert sign_in(Client(), password="another battery horse").status_code == 200
    assert sign_in(Client(), code_of(device), password="another battery horse").status_code == 302


def test_a_deletion_takes_the_device_along(ada, device):
    recovery_codes_create(user=ada)

    user_delete(user_id=ada.pk)

    assert not TOTPDevice.objects.exists()
    assert not StaticToken.objects.exists()


def test_nobody_reads_the_secrets(ada, device):
    codes = recovery_codes_create(user=ada)
    assert not {TOTPDevice, StaticDevice, StaticToken} & set(admin.site._registry)
    answer = client_of(ada).get("/api/auth/me/export/")

    with zipfile.ZipFile(io.BytesIO(b"".join(answer.streaming_content))) as files:
        everything = b"".join(files.read(name) for name in files.namelist()).decode()
        assert len(json.loads(files.read("json/otp_totp_totpdevice.json"))) == 1
    for secret in (device.key, *codes, *StaticToken.objects.values_list("token", flat=True)):
        assert secret not in everything


def run(*arguments: str) -> list[str]:
    """Runs the command; the lines of its standard output."""
    output = io.StringIO()
    call_command("admin_totp", *arguments, stdout=output, stderr=io.StringIO())
    return output.getvalue().splitlines()


def test_enrolling_needs_a_right_first_code(ada, monkeypatch):
    monkeypatch.setattr("builtins.input", lambda: "000000")
    with pytest.raises(CommandError, match="Not enrolled"):
        run("enrol", "ada@x.org")
    assert not TOTPDevice.objects.exists()
    monkeypatch.setattr("builtins.input", lambda: code_of(TOTPDevice.objects.get()))

    lines = run("enrol", "ADA@x.org")

    device = TOTPDevice.objects.get(user=ada, confirmed=True)
    assert lines[-1] == device.config_url
    assert len(lines) > 15  # The QR code.
    assert sign_in(Client(), code_of(device)).status_code == 200  # It was the first code.
    wait_is_over(device)
    assert sign_in(Client(), code_of(device, steps=1)).status_code == 302
    with pytest.raises(CommandError, match="is enrolled"):
        run("enrol", "ada@x.org")
    device.refresh_from_db()


def test_an_unconfirmed_device_changes_nothing(ada):
    device = totp_enrol(user=ada, confirmed=False)

    assert sign_in(Client()).status_code == 302
    client = Client()
    client.force_login(ada)
    session = client.session
    session["otp_device_id"] = device.persistent_id
    session.save()
    assert not client.get("/admin/").wsgi_request.user.is_verified()


def test_a_script_enrols_without_asking_and_resets(ada):
    (uri,) = run("enrol", "ada@x.org", "--no-confirm")
    assert uri.startswith("otpauth://totp/Movie%20recommender%3Aada%40x.org?secret=")
    assert len(run("recovery-codes", "ada@x.org")) == 10

    run("reset", "ada@x.org")

    assert not TOTPDevice.objects.exists()
    assert not StaticDevice.objects.exists()
    with pytest.raises(CommandError, match="not enrolled"):
        run("recovery-codes", "ada@x.org")
    assert sign_in(Client()).status_code == 302


def test_enrolling_says_that_codes_are_off(settings, ada):
    errors = io.StringIO()
    settings.ADMIN_TOTP = "off"
    call_command("admin_totp", "enrol", "ada@x.org", "--no-confirm", stdout=io.StringIO(), stderr=errors)
    assert "ADMIN_TOTP is off" in errors.getvalue()

    settings.ADMIN_TOTP = "required"
    run("reset", "ada@x.org")
    errors = io.StringIO()
    call_command("admin_totp", "enrol", "ada@x.org", "--no-confirm", stdout=io.StringIO(), stderr=errors)
    assert "ADMIN_TOTP" not in errors.getvalue()


def test_only_staff_are_enrolled():
    make_user("person@x.org")

    with pytest.raises(CommandError, match="no member of staff"):
        run("enrol", "person@x.org")
    with pytest.raises(CommandError, match="Nobody"):
        run("enrol", "nobody@x.org")

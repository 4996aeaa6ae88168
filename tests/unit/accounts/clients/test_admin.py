"""Clients and keys in the admin."""

import re
from datetime import timedelta

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission
from django.utils import timezone

from accounts.clients.models import Client, ClientKey
from accounts.clients.services import key_revoke
from accounts.clients.users import client_user_get_or_create
from accounts.models import User
from tests.factories import client_with_key, make_key, make_user

KEYS = "/admin/accounts/clientkey/"


@pytest.fixture
def staff(client, db):
    client.force_login(make_user(is_staff=True, is_superuser=True))
    return client


def add(staff, **fields):
    shop = Client.objects.get_or_create(name="shop")[0]
    form = {"client": shop.pk, "scopes": ["catalogue:read"], "rate_limit": ""} | fields
    return staff.post(f"{KEYS}add/", form)


def test_a_new_key_is_shown_once_and_works(staff):
    response = add(staff)
    text = re.search(r'id="client-key">([^<]+)<', response.content.decode())[1]
    key = ClientKey.objects.get()

    assert client_with_key(text).get("/api/genres/").status_code == 200
    assert "no-store" in response["Cache-Control"]
    for page in (KEYS, f"{KEYS}{key.pk}/change/", "/admin/", f"{KEYS}{key.pk}/history/"):
        shown = staff.get(page).content.decode()
        assert text.partition(".")[2] not in shown
        assert key.hashed_secret not in shown
    assert text.partition(".")[2] not in str(LogEntry.objects.values_list())


@pytest.mark.parametrize(
    "fields", [{"scopes": []}, {"scopes": ["movies:burn"]}, {"rate_limit": "many"}, {"expires_at_0": "2001-01-01"}]
)
def test_a_wrong_form_creates_no_key(staff, fields):
    response = add(staff, **fields)

    assert response.status_code == 200
    assert not ClientKey.objects.exists()


def test_the_forms_and_the_filter_open(staff):
    make_key()
    user, _ = client_user_get_or_create(client_id=Client.objects.get().pk, external_id="17")
    users = "/admin/accounts/user/"
    for page in (f"{KEYS}add/", f"{KEYS}{ClientKey.objects.get().pk}/change/", "/admin/accounts/client/add/"):
        assert staff.get(page).status_code == 200

    assert str(user) in staff.get(f"{users}?origin=client").content.decode()
    assert str(user) not in staff.get(f"{users}?origin=imported").content.decode()
    assert "17" in staff.get(f"{users}{user.pk}/change/").content.decode()


def test_keys_are_revoked_from_the_list(staff):
    text = make_key()
    key = ClientKey.objects.get()
    staff.post(KEYS, {"action": "revoke", "_selected_action": [key.pk]})

    assert client_with_key(text).get("/api/genres/").status_code == 401
    assert LogEntry.objects.filter(object_id=str(key.pk), change_message="Revoked.").exists()


def test_only_the_rate_of_a_key_can_be_changed(staff):
    make_key(scopes=["catalogue:read"])
    key = ClientKey.objects.get()
    form = {"rate_limit": "5/s", "scopes": ["users:manage"], "hashed_secret": "x", "revoked_at_0": "2020-01-01"}
    staff.post(f"{KEYS}{key.pk}/change/", form)
    changed = ClientKey.objects.get()

    assert changed.rate_limit == "5/s"
    assert (changed.scopes, changed.hashed_secret) == (key.scopes, key.hashed_secret)
    assert changed.revoked_at is None


def test_staff_without_the_permission_make_no_key(client, db):
    person = make_user(is_staff=True)
    person.user_permissions.add(Permission.objects.get(codename="view_clientkey"))
    client.force_login(person)
    make_key()
    key = ClientKey.objects.get()
    client.post(KEYS, {"action": "revoke", "_selected_action": [key.pk]})

    assert add(client).status_code == 403
    assert ClientKey.objects.get().revoked_at is None


def test_a_client_with_users_is_not_deleted(staff):
    shop = Client.objects.create(name="shop")
    client_user_get_or_create(client_id=shop.pk, external_id="17")
    staff.post(f"/admin/accounts/client/{shop.pk}/delete/", {"post": "yes"})

    assert Client.objects.exists()
    assert User.objects.filter(external_id="17").exists()


def test_staff_give_a_clients_user_no_address(staff):
    shop = Client.objects.create(name="shop")
    user, _ = client_user_get_or_create(client_id=shop.pk, external_id="17")
    form = {"email": "eve@example.org", "display_name": "Eve", "is_active": "on"}
    response = staff.post(f"/admin/accounts/user/{user.pk}/change/", form)
    user.refresh_from_db()

    assert response.status_code == 302
    assert (user.email, user.display_name) == (None, "Eve")


@pytest.mark.parametrize("lookup", ["hashed_secret", "hashed_secret__startswith", "hashed_secret__gt"])
def test_nobody_searches_keys_by_their_hash(staff, lookup):
    """Else whoever may look at keys reads a hash, letter by letter."""
    add(staff)

    assert staff.get(KEYS, {lookup: ClientKey.objects.get().hashed_secret[:3]}).status_code == 400
    assert staff.get(KEYS, {"prefix": ClientKey.objects.get().prefix}).status_code == 200


def test_a_rotated_key_and_its_successor_work_for_a_while(staff):
    old_text = make_key(scopes=["catalogue:read"], rate_limit="6000/m:500")
    old = ClientKey.objects.get()

    response = staff.post(f"{KEYS}{old.pk}/rotate/", {"hours": "24"})

    text = re.search(r'id="client-key">([^<]+)<', response.content.decode())[1]
    made = ClientKey.objects.exclude(pk=old.pk).get()
    assert (made.client, made.scopes, made.rate_limit, made.expires_at) == (
        old.client,
        old.scopes,
        old.rate_limit,
        None,
    )
    assert "no-store" in response["Cache-Control"]
    for one in (old_text, text):
        assert client_with_key(one).get("/api/genres/").status_code == 200
    old.refresh_from_db()
    assert timezone.now() < old.expires_at < timezone.now() + timedelta(hours=25)
    assert text.partition(".")[2] not in str(LogEntry.objects.values_list())


def test_a_key_rotated_at_once_is_refused(staff):
    old_text = make_key()

    staff.post(f"{KEYS}{ClientKey.objects.get().pk}/rotate/", {"hours": "0"})

    assert client_with_key(old_text).get("/api/genres/").status_code == 401


@pytest.mark.parametrize("hours", ["", "x", "-1", "9999"])
def test_a_wrong_overlap_rotates_nothing(staff, hours):
    make_key()

    assert staff.post(f"{KEYS}{ClientKey.objects.get().pk}/rotate/", {"hours": hours}).status_code == 200
    assert ClientKey.objects.get().expires_at is None


def test_a_revoked_key_has_no_successor(staff):
    make_key()
    key = ClientKey.objects.get()
    key_revoke(prefix=key.prefix)

    assert staff.post(f"{KEYS}{key.pk}/rotate/", {"hours": "1"}).status_code == 302
    assert ClientKey.objects.count() == 1

"""What the database knows of refresh tokens: enough to use each once, nothing to sign in with."""

from importlib import import_module
from uuid import UUID

import jwt
import pytest
from django.apps import apps
from django.contrib import admin
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.auth.models import Permission
from django.contrib.contenttypes.models import ContentType
from django.contrib.sessions.models import Session
from django.db import connection
from django.test import Client

from accounts import signins
from accounts.models import RefreshToken
from tests.factories import PASSWORD, make_user

pytestmark = pytest.mark.django_db
NEW = "another long password"
OLD_TABLES = """
    CREATE TABLE token_blacklist_outstandingtoken (id bigserial PRIMARY KEY, token text, jti text,
        user_id bigint REFERENCES accounts_user DEFERRABLE INITIALLY DEFERRED);
    CREATE TABLE token_blacklist_blacklistedtoken (id bigserial PRIMARY KEY,
        token_id bigint REFERENCES token_blacklist_outstandingtoken DEFERRABLE INITIALLY DEFERRED);
    INSERT INTO django_migrations (app, name, applied) VALUES ('token_blacklist', '0001_initial', now());
"""


def tables_holding(text: str) -> list[str]:
    """Tables with a row that holds the text in any column."""
    with connection.cursor() as cursor:
        found = []
        for table in connection.introspection.table_names(cursor):
            name = connection.ops.quote_name(table)
            cursor.execute(f"SELECT count(*) FROM {name} held WHERE position(%s IN held::text) > 0", [text])
            found += [table] * bool(cursor.fetchone()[0])
    return found


def jti_of(token: str) -> UUID:
    return UUID(jwt.decode(token, options={"verify_signature": False})["jti"])


def test_no_table_holds_what_signs_a_refresh_token():
    user = make_user("ada@example.org")
    given = signins.tokens_issue(user=user)
    renewed = signins.tokens_refresh(refresh=given.refresh)

    assert tables_holding("ada@example.org") == ["accounts_user"]  # It finds what is there.
    for token in (given.refresh, renewed.refresh, given.access, renewed.access):
        _, claims, signature = token.split(".")
        assert tables_holding(signature) == []
        assert tables_holding(claims) == []
    row = RefreshToken.objects.get(user=user)
    assert (row.previous_jti, row.jti) == (jti_of(given.refresh), jti_of(renewed.refresh))


def test_no_table_holds_the_key_of_a_session():
    client, root = Client(), make_user("root@example.org", is_staff=True, is_superuser=True)
    client.post("/admin/login/", {"username": "root@example.org", "password": PASSWORD})
    key, stored = client.cookies["sessionid"].value, Session.objects.get().pk
    assert client.get("/admin/").status_code == 200

    assert tables_holding(stored) == ["django_session"]
    assert tables_holding(key) == []
    thief = Client()
    thief.cookies["sessionid"] = stored
    assert thief.get("/admin/").status_code == 302
    assert Session.objects.get().get_decoded()["_auth_user_id"] == str(root.pk)

    client.post("/admin/password_change/", {"old_password": PASSWORD, "new_password1": NEW, "new_password2": NEW})
    renewed = client.cookies["sessionid"].value
    assert renewed != key
    assert client.get("/admin/").status_code == 200
    for old in (key, "x" * 32, "short", "\x00" * 32):
        thief.cookies["sessionid"] = old
        assert thief.get("/admin/").status_code == 302
    client.post("/admin/logout/")
    thief.cookies["sessionid"] = renewed
    assert thief.get("/admin/").status_code == 302
    assert not Session.objects.exists()


def test_no_page_of_the_admin_is_about_tokens_or_sessions():
    shown = {model._meta.label for model in admin.site._registry}

    assert not shown & {"accounts.RefreshToken", "sessions.Session"}
    assert not any("token" in label.lower() for label in shown)


def test_tokens_stored_whole_are_deleted_with_their_references():
    user = make_user()
    with connection.cursor() as cursor:
        cursor.execute(OLD_TABLES)
        cursor.execute(
            "INSERT INTO token_blacklist_outstandingtoken (token, jti, user_id) VALUES ('whole', 'x', %s)", [user.pk]
        )
        cursor.execute("INSERT INTO token_blacklist_blacklistedtoken (token_id) VALUES (1)")
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
    kind = ContentType.objects.create(app_label="token_blacklist", model="outstandingtoken")
    permission = Permission.objects.create(content_type=kind, codename="view_outstandingtoken", name="May view")
    user.user_permissions.add(permission)
    for content_type in (kind, ContentType.objects.get_for_model(user)):
        LogEntry.objects.create(
            user=user, content_type=content_type, object_id="1", object_repr="kept", action_flag=CHANGE
        )
    Client().force_login(user)
    kept = Permission.objects.exclude(pk=permission.pk).count()

    migration = import_module("accounts.migrations.0004_forget_whole_tokens")
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
    migration.forget_whole_tokens(apps, connection.schema_editor())

    with connection.cursor() as cursor:
        assert not any("token_blacklist" in table for table in connection.introspection.table_names(cursor))
        cursor.execute("SELECT count(*) FROM django_migrations WHERE app = 'token_blacklist'")
        assert cursor.fetchone() == (0,)
    assert not ContentType.objects.filter(app_label="token_blacklist").exists()
    assert Permission.objects.count() == kept
    assert not Session.objects.exists()
    assert LogEntry.objects.get().content_type.app_label == "accounts"

"""The export of everything stored of one person."""

import csv
import io
import json
import zipfile

import pytest
from django.apps import apps
from django.contrib.auth.models import Group
from django.db import connection
from django.db.models import CASCADE
from django.test import Client

from accounts.models import User
from accounts.privacy.export import INDIRECT, export_tables
from accounts.services import tokens_issue
from events.models import Tag
from events.services import interaction_record
from movies.models import MovieMerge
from tests.factories import client_of, make_group, make_movie, make_user
from tests.served import drain

pytestmark = pytest.mark.django_db
EXPORT = "/api/auth/me/export/"


def exported(user: User) -> zipfile.ZipFile:
    answer = client_of(user).get(EXPORT)
    assert answer.status_code == 200
    assert answer["Content-Type"] == "application/zip"
    assert answer["Cache-Control"] == "no-store"
    return zipfile.ZipFile(io.BytesIO(b"".join(answer.streaming_content)))


def rows(archive: zipfile.ZipFile, table: str) -> list[dict]:
    return json.loads(archive.read(f"json/{table}.json"))


def csv_rows(archive: zipfile.ZipFile, table: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(archive.read(f"csv/{table}.csv").decode(), newline="")))


def tables_about_users() -> set[str]:
    """The tables that refer to users, by the database's own foreign keys."""
    with connection.cursor() as cursor:
        return {
            table
            for table in connection.introspection.table_names(cursor)
            for _, other in connection.introspection.get_relations(cursor, table).values()
            if other == User._meta.db_table
        }


def test_every_table_about_a_person_is_exported():
    names = {table.name for table in export_tables()}

    assert tables_about_users() | {User._meta.db_table} == names
    archive = exported(make_user())
    assert {f"{kind}/{name}.{kind}" for name in names for kind in ("json", "csv")} <= set(archive.namelist())
    # Of two files of one name most programs show one.
    assert len(archive.namelist()) == len(set(archive.namelist()))


def test_a_row_that_names_a_person_twice_is_exported_once():
    user = make_user()
    heat, double = make_movie("Heat", 1995), make_movie("Heat (US)", 1995)
    merge = MovieMerge.objects.create(duplicate=double, target=heat, requested_by=user, undone_by=user)

    assert rows(exported(user), "movies_moviemerge") == [{"id": merge.pk}]


def test_a_table_below_a_persons_rows_is_exported_or_named():
    """A table that refers to a person's rows, and not to the person, needs an entry in INDIRECT."""
    own = {table.model for table in export_tables() if table.lookups != ("pk",) and len(table.columns) > 1}
    below = {
        model._meta.label_lower
        for model in apps.get_models(include_auto_created=True)
        for field in model._meta.concrete_fields
        if field.is_relation and field.remote_field.on_delete is CASCADE and field.related_model in own
    }

    assert below - INDIRECT.keys() - {table.model._meta.label_lower for table in export_tables()} == set()


def test_a_person_gets_their_rows_and_nobody_elses(cast):
    for person, movie in ((cast.alice, "Heat"), (cast.bob, "Alien")):
        interaction_record(user=person, movie_id=cast[movie].pk, kind="rating", value=4.5)
        Tag.objects.create(user=person, movie=cast[movie], text=f"=cmd of {person}")
    client_of(cast.alice).get("/api/recommendations/")
    cast.alice.groups.add(Group.objects.create(name="editors"))
    make_group(cast.alice, cast.bob)
    drain()

    archive = exported(cast.alice)

    assert archive.testzip() is None
    (rating,) = rows(archive, "events_rating")
    assert (rating["movie"], rating["movie__title"], rating["value"]) == (cast["Heat"].pk, "Heat", 4.5)
    assert rows(archive, "accounts_user")[0]["email"] == "alice@example.org"
    lists = ("events_servedrecommendation", "events_listimpression", "batch_recommendations")
    for table in ("events_interaction", *lists, "accounts_user_groups"):
        assert len(rows(archive, table)) == len(csv_rows(archive, table)) == 1, table
    everything = b"".join(archive.read(name) for name in archive.namelist())
    assert b"bob@example.org" not in everything
    assert b"Alien" not in archive.read("json/events_tag.json")


def test_no_secret_is_exported():
    user = make_user("ada@x.org", is_staff=True)
    refresh = tokens_issue(user=user).refresh
    client = Client()
    client.force_login(user)
    user.refresh_from_db()

    archive = exported(user)

    everything = b"".join(archive.read(name) for name in archive.namelist()).decode()
    for secret in (user.password, refresh, client.cookies["sessionid"].value):
        assert secret not in everything
    assert "password" not in rows(archive, "accounts_user")[0]
    assert len(rows(archive, "accounts_refreshtoken")) == 1
    assert list(rows(archive, "django_session")[0]) == ["expire_date"]


def test_a_cell_is_no_formula_and_survives(cast):
    text = '=1+1,"x"\n;'
    Tag.objects.create(user=cast.alice, movie=cast["Heat"], text=text)

    archive = exported(cast.alice)

    assert csv_rows(archive, "events_tag")[0]["text"] == f"'{text}"
    assert rows(archive, "events_tag")[0]["text"] == text


def test_any_accept_header_gets_the_zip():
    user = make_user()

    assert client_of(user).get(EXPORT, headers={"Accept": "application/zip"}).status_code == 200
    assert client_of().get(EXPORT).status_code == 401

"""A backup of the test database is restored into another one, by the commands that operators run."""

import json
import os
import subprocess
import sys
import uuid

import psycopg
import pytest
from django.conf import settings
from django.core.cache import cache
from django.core.management import CommandError, call_command

from accounts.deletion import user_delete
from accounts.models import User
from movies.models import Movie
from recsys_project.backups.errors import BackupError
from recsys_project.backups.manifest import count_rows, read_manifest
from recsys_project.backups.programs import find_program
from recsys_project.backups.services import backup_create
from tests.factories import make_movie, make_user
from tests.functional.web_server import running_database_url

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def other():
    """The address of a database that does not exist yet."""
    url = running_database_url()
    name = f"restored_{uuid.uuid4().hex[:12]}"
    head, _, query = url.partition("?")
    address = f"{head.rpartition('/')[0]}/{name}" + (f"?{query}" if query else "")
    yield address
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


def manage(*arguments, **environment):
    return subprocess.run(
        [sys.executable, "manage.py", *map(str, arguments)],
        cwd=settings.BASE_DIR,
        env=os.environ | {"DATABASE_URL": running_database_url()} | environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def rows(url):
    with psycopg.connect(url) as connection:
        return count_rows(connection)


def test_a_restore_has_the_rows_and_erases_again(other, tmp_path, settings):
    settings.ERASURES_FILE = str(tmp_path / "erasures.jsonl")
    make_movie("Heat")
    gone, stays = make_user("gone@x.org"), make_user("stays@x.org")
    before = rows(running_database_url())
    dump = backup_create(folder=tmp_path / "backups")
    user_delete(user_id=gone.pk)
    cache.set("cached", "of the old state")
    cache.set("served-log-not-written", "kept")

    done = manage("restore", dump, DATABASE_URL=other, ERASURES_FILE=settings.ERASURES_FILE)

    assert done.returncode == 0, done.stderr
    assert f"Restored {sum(before.values())} rows of {len(before)} tables" in done.stdout
    assert "1 people were erased again" in done.stdout
    with psycopg.connect(other) as connection:
        assert connection.execute("SELECT email FROM accounts_user").fetchall() == [(stays.email,)]
        assert connection.execute("SELECT title FROM movies_movie").fetchall() == [("Heat",)]
    assert cache.get("cached") is None
    assert cache.get("served-log-not-written") == "kept"
    # The database that was backed up is as it was.
    assert User.objects.get() == stays
    assert Movie.objects.count() == 1


def test_a_database_with_tables_is_not_restored_into(tmp_path):
    make_movie("Heat")
    dump = backup_create(folder=tmp_path)

    done = manage("restore", dump)

    assert done.returncode == 1
    assert "is not empty" in done.stderr
    assert Movie.objects.get().title == "Heat"


def test_a_damaged_dump_is_refused(other, tmp_path):
    dump = backup_create(folder=tmp_path)
    dump.write_bytes(dump.read_bytes()[:-1])

    with pytest.raises(BackupError, match="damaged"):
        read_manifest(dump)
    with pytest.raises(CommandError, match="damaged"):
        call_command("restore", str(dump))


def test_a_dump_without_its_manifest_is_refused(tmp_path):
    dump = backup_create(folder=tmp_path)
    dump.with_name(f"{dump.name}.json").unlink()

    with pytest.raises(CommandError, match="cannot be read"):
        call_command("restore", str(dump))


def test_the_newest_backups_are_kept(tmp_path):
    made = [backup_create(folder=tmp_path, keep=2) for _ in range(3)]

    assert sorted(tmp_path.glob("*.dump")) == made[1:]
    assert len(list(tmp_path.iterdir())) == 4
    assert all(path.stat().st_mode & 0o077 == 0 for path in tmp_path.iterdir())


def test_a_failed_dump_leaves_nothing(tmp_path, monkeypatch):
    program = tmp_path / "bin" / "pg_dump"
    program.parent.mkdir()
    program.write_text(
        "#!/bin/sh\n[ $1 = --version ] && echo 'pg_dump (PostgreSQL) 99.1' && exit\necho full >&2; exit 1\n"
    )
    program.chmod(0o755)
    monkeypatch.setenv("PG_BIN", str(program.parent))

    with pytest.raises(CommandError, match="full"):
        call_command("backup", str(tmp_path / "backups"))

    assert list((tmp_path / "backups").iterdir()) == []


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("")

    with pytest.raises(CommandError, match="file cannot be written"):
        call_command("backup", str(tmp_path / "file"))


@pytest.mark.parametrize("keep", ["0", "-1", "all"])
def test_a_number_of_backups_to_keep_is_positive(tmp_path, keep):
    with pytest.raises(CommandError, match="whole number from 1"):
        call_command("backup", str(tmp_path / "backups"), "--keep", keep)

    assert not (tmp_path / "backups").exists()


def test_no_program_of_a_server_that_is_too_new():
    with pytest.raises(BackupError, match="install postgresql-client-99"):
        find_program("pg_dump", server_major=99)


def test_the_password_is_no_argument(tmp_path, monkeypatch):
    """Arguments of processes can be read by every user of a machine."""
    seen = tmp_path / "arguments"
    program = tmp_path / "bin" / "pg_dump"
    program.parent.mkdir()
    program.write_text(
        f"#!/bin/sh\n[ $1 = --version ] && echo 'pg_dump (PostgreSQL) 99.1' && exit\necho \"$@\" > {seen}; exit 1\n"
    )
    program.chmod(0o755)
    monkeypatch.setenv("PG_BIN", str(program.parent))
    head, _, rest = running_database_url().partition("://")
    url = f"{head}://postgres:s3cret-word@{rest.rpartition('@')[2]}"

    done = manage("backup", tmp_path / "backups", DATABASE_URL=url)

    assert done.returncode == 1
    assert "s3cret-word" not in seen.read_text() + done.stderr + done.stdout


def test_the_manifest_counts_each_table(tmp_path):
    make_movie("Heat")

    manifest = json.loads(backup_create(folder=tmp_path).with_suffix(".dump.json").read_text())

    assert manifest["rows"]["public.movies_movie"] == 1
    assert manifest["rows"]["public.django_migrations"] > 50

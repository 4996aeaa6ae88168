"""Accounts that their owners delete, and the tombstones that cleanse a restored backup."""

import json
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from accounts.deletion import user_delete
from accounts.models import Erasure, RefreshToken, User
from accounts.privacy.erasures import erasures_export
from accounts.services import tokens_issue
from events.models import Interaction, Rating
from events.training_data import training_data_read
from tests.factories import PASSWORD, client_of, make_user

pytestmark = pytest.mark.django_db(transaction=True)
ME = "/api/auth/me/"


@pytest.fixture
def ada():
    return make_user("ada@x.org", display_name="Ada")


@pytest.fixture
def file(settings, tmp_path):
    settings.ERASURES_FILE = str(tmp_path / "erasures.jsonl")
    return tmp_path / "erasures.jsonl"


def delete(user: User, body: object):
    return client_of(user).delete(ME, body, format="json")


def replay(capsys, *arguments: str) -> str:
    call_command("replay_erasures", *arguments)
    return capsys.readouterr().out


def tombstone(**changed: object) -> str:
    """A line of the file, for somebody who is not there."""
    return json.dumps({"id": 7, "fingerprint": "a" * 64, "erased_at": "2026-01-01T00:00:00+00:00"} | changed)


def restore(user: User) -> None:
    """Brings the person's row back, as a backup does."""
    User.objects.bulk_create([user])


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "password"),
        ({"password": "wrong"}, "password"),
        ({"password": None}, "password"),
        ({"password": PASSWORD + " "}, "password"),
        ({"password": PASSWORD, "force": True}, "force"),
    ],
)
def test_without_the_password_nobody_is_deleted(ada, body, field):
    answer = delete(ada, body)

    assert answer.status_code == 400
    assert list(answer.json()["error"]["fields"]) == [field]
    assert User.objects.filter(pk=ada.pk).exists()
    assert not Erasure.objects.exists()


def test_a_deletion_ends_every_token(ada):
    refresh, access = tokens_issue(user=ada).refresh, client_of(ada)

    answer = delete(ada, {"password": PASSWORD})

    assert answer.status_code == 204
    assert answer["Cache-Control"] == "no-store"
    assert access.get(ME).status_code == 401
    assert client_of().post("/api/auth/refresh/", {"refresh": refresh}, format="json").status_code == 401
    assert not RefreshToken.objects.exists()
    assert not User.objects.exists()


def test_two_deletions_at_once_both_find_the_account_gone(ada):
    def call(_number: int) -> int:
        try:
            return delete(ada, {"password": PASSWORD}).status_code
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(call, range(4)))

    assert 204 in answers
    # A process hashes few passwords at once, and refuses more.
    assert set(answers) <= {204, 401, 503}
    assert Erasure.objects.count() == 1


def test_a_new_hash_of_a_deleted_account_is_a_401(ada, monkeypatch):
    """As when a request deletes the account while another one renews the hash of the password."""
    password_set = User.set_password

    def deleted_meanwhile(self: User, password: str) -> None:
        password_set(self, password)
        user_delete(user_id=self.pk)

    monkeypatch.setattr(User, "set_password", deleted_meanwhile)
    monkeypatch.setattr("django.contrib.auth.hashers.MD5PasswordHasher.must_update", lambda *args: True)

    assert delete(ada, {"password": PASSWORD}).status_code == 401
    assert Erasure.objects.count() == 1


def test_the_next_training_does_not_read_the_deleted(committed_cast):
    cast = committed_cast
    for person in (cast.bob, cast.carol):
        Rating.objects.create(user=person, movie=cast["Heat"], value=5)
    assert delete(cast.bob, {"password": PASSWORD}).status_code == 204

    assert set(training_data_read().user_ids.tolist()) == {cast.carol.pk}


def test_a_tombstone_holds_no_personal_data(ada, file):
    user_delete(user_id=ada.pk)

    line = json.loads(file.read_text())
    assert set(line) == {"id", "fingerprint", "erased_at"}
    assert line["id"] == ada.pk
    assert "ada" not in file.read_text().lower()
    assert file.stat().st_mode & 0o777 == 0o600


def test_each_erasure_is_one_line(file):
    people = [make_user() for _ in range(5)]

    for person in people:
        assert user_delete(user_id=person.pk)
        assert user_delete(user_id=person.pk) is False

    assert [json.loads(line)["id"] for line in file.read_text().splitlines()] == [person.pk for person in people]
    assert erasures_export() == 0


def test_a_file_that_cannot_be_written_delays_its_lines(ada, settings, tmp_path):
    settings.ERASURES_FILE = str(tmp_path / "missing" / "erasures.jsonl")
    assert user_delete(user_id=ada.pk)
    assert Erasure.objects.get().exported_at is None

    (tmp_path / "missing").mkdir()
    other = make_user()
    user_delete(user_id=other.pk)

    lines = (tmp_path / "missing" / "erasures.jsonl").read_text().splitlines()
    assert [json.loads(line)["id"] for line in lines] == [ada.pk, other.pk]


def test_a_restored_backup_is_cleansed(committed_cast, file, capsys):
    bob, heat = committed_cast.bob, committed_cast["Heat"]
    stored = User.objects.get(pk=bob.pk)
    user_delete(user_id=bob.pk)
    # The backup has the person, and not the tombstone.
    Erasure.objects.all().delete()
    restore(stored)
    Interaction.objects.create(user=stored, movie=heat, kind="like")

    assert "1 people were erased again" in replay(capsys)
    assert "0 people were erased again" in replay(capsys)

    assert not User.objects.filter(pk=bob.pk).exists()
    assert not Interaction.objects.exists()
    assert User.objects.filter(pk=committed_cast.alice.pk).exists()
    assert Erasure.objects.count() == 1
    assert {json.loads(line)["id"] for line in file.read_text().splitlines()} == {bob.pk}


def test_a_later_person_with_the_same_id_stays(ada, file, capsys):
    user_delete(user_id=ada.pk)
    restore(User(pk=ada.pk, email="eve@x.org", password="!"))

    assert "0 people were erased again" in replay(capsys)
    assert User.objects.get().email == "eve@x.org"


def test_a_line_that_was_cut_off_is_named_and_the_rest_done(ada, file, capsys):
    stored = User.objects.get(pk=ada.pk)
    user_delete(user_id=ada.pk)
    file.write_text('{"id": 1, "finger\n[]\n{"id": 1, "fingerprint": "x"}\n' + file.read_text() + '{"id": 7')
    restore(stored)

    with pytest.raises(CommandError, match=r"1, 2, 3, 5\.$"):
        replay(capsys)

    assert not User.objects.exists()
    user_delete(user_id=make_user().pk)
    assert json.loads(file.read_text().splitlines()[-1])["fingerprint"]


@pytest.mark.parametrize(
    "line",
    [
        tombstone(id=2**63),
        tombstone(id=-1),
        tombstone(id=True),
        tombstone(fingerprint="\0" * 64),
        tombstone(fingerprint="\ud800" * 64),
        tombstone(fingerprint="A" * 64),
        tombstone(erased_at="0001-01-01T00:00:00+23:59"),
        tombstone(erased_at="9999-12-31T23:59:59-23:59"),
        tombstone(erased_at=1),
        "[" * 100_000,
        "\0",
    ],
    ids=range(11),
)
def test_a_line_that_is_no_erasure_stops_no_other(ada, file, capsys, line):
    stored = User.objects.get(pk=ada.pk)
    user_delete(user_id=ada.pk)
    file.write_text(line + "\n" + file.read_text())
    Erasure.objects.all().delete()
    restore(stored)

    with pytest.raises(CommandError, match=r": 1\.$"):
        replay(capsys)

    assert not User.objects.exists()
    assert Erasure.objects.get().erased_id == ada.pk


@pytest.mark.parametrize("given", ["missing", "folder"])
def test_a_file_that_cannot_be_read_is_an_error(tmp_path, given):
    path = tmp_path / "missing" if given == "missing" else tmp_path

    with pytest.raises(CommandError, match="There is no file"):
        call_command("replay_erasures", file=path)


def test_a_mistyped_file_is_said(ada, settings, tmp_path, capsys):
    settings.ERASURES_FILE = str(tmp_path / "erasure.jsonl")
    call_command("replay_erasures")
    given = capsys.readouterr()

    assert "0 erasures are known" in given.out
    assert f"There is no file {tmp_path / 'erasure.jsonl'}" in given.err


def test_without_a_file_the_database_is_replayed(ada, capsys):
    stored = User.objects.get(pk=ada.pk)
    user_delete(user_id=ada.pk)
    restore(stored)

    assert "1 people were erased again" in replay(capsys)
    assert not User.objects.exists()

"""``manage.py import_taste``: shows, asks, records."""

import io
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from accounts.clients.services import client_get_or_create
from accounts.clients.users import client_user_get_or_create
from accounts.models import User
from events.models import Interaction, Rating
from events.taste.models import TasteImport
from tests.factories import make_movie, make_user
from tests.unit.events.taste import files

pytestmark = pytest.mark.django_db


@pytest.fixture
def heat():
    return make_movie("Heat", 1995)


@pytest.fixture
def export(tmp_path) -> Path:
    path = tmp_path / "ratings.csv"
    path.write_text(files.RATINGS)
    return path


def run(path: Path, *options: str) -> str:
    out = io.StringIO()
    call_command("import_taste", str(path), *options, stdout=out)
    return out.getvalue()


def answering(monkeypatch, *answers: str) -> list[str]:
    """A terminal at which somebody gives these answers; returns the questions."""
    given, asked = iter(answers), []
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("builtins.input", lambda question: asked.append(question) or next(given))
    return asked


def test_it_shows_the_preview_and_records_with_yes(heat, export, tmp_path):
    person = make_user("ada@example.org")

    shown = run(export, "--user", "Ada@Example.org", "--yes", "--unmatched", str(tmp_path / "rest.csv"))

    assert "Letterboxd: 2 rows; 1 films matched, 0 ambiguous, 1 not matched." in shown
    assert "Heat (1995)" in shown
    assert "no movie of the catalogue fits" in shown
    assert "Recorded: 1 rating." in shown
    assert Rating.objects.get(user=person).value == 4.5
    assert "Amélie" in (tmp_path / "rest.csv").read_text()
    assert not TasteImport.objects.exists()


def test_nothing_is_recorded_without_an_answer(heat, export):
    make_user("ada@example.org")

    assert "Nothing was recorded" in run(export, "--user", "ada@example.org")
    assert not Interaction.objects.exists()
    assert not TasteImport.objects.exists()


def test_it_asks_at_a_terminal(monkeypatch, heat, export):
    person, other = make_user("ada@example.org"), make_movie("Heat", 1995)
    asked = answering(monkeypatch, "2", "y")

    run(export, "--user", "ada@example.org")

    assert asked[0] == "Heat (1995) is 1: Heat (1995), 2: Heat (1995); none: Enter. "
    assert Rating.objects.get(user=person).movie == other


def test_an_answer_that_names_no_movie_is_asked_again(monkeypatch, capsys, heat, export):
    person, other = make_user("ada@example.org"), make_movie("Heat", 1995)
    asked = answering(monkeypatch, "3", "Heat", "2", "y")

    run(export, "--user", "ada@example.org")

    assert len(asked) == 4
    assert capsys.readouterr().err.count("Enter a number from 1 to 2, or nothing.") == 2
    assert Rating.objects.get(user=person).movie == other


def test_no_at_a_terminal_records_nothing(monkeypatch, heat, export):
    make_user("ada@example.org")
    answering(monkeypatch, "no")

    assert "Nothing was recorded" in run(export, "--user", "ada@example.org")
    assert not Interaction.objects.exists()


def test_a_clients_user_is_named_by_its_id(heat, export):
    client = client_get_or_create(name="shop")
    user, _ = client_user_get_or_create(client_id=client.pk, external_id="17")

    run(export, "--client", "shop", "--external-id", "17", "--yes")

    assert Rating.objects.get(user=user).movie == heat


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ([], "Name the person"),
        (["--user", "nobody@example.org"], "Nobody has the address nobody@example.org"),
        (["--client", "shop"], "Name the person"),
        (["--client", "shop", "--external-id", "1"], "shop has no user '1'"),
        (["--client", "ship", "--external-id", "1"], "There is no client application 'ship'"),
        (["--user", "ada@example.org", "--client", "shop", "--external-id", "1"], "Name the person"),
        (["--user", "ada@example.org", "--unmatched", "/nowhere/rest.csv"], "/nowhere/rest.csv cannot be written"),
    ],
)
def test_what_names_nobody_is_an_error(heat, export, options, problem):
    make_user("ada@example.org")
    client_get_or_create(name="shop")

    with pytest.raises(CommandError, match=problem):
        run(export, *options, "--yes")
    assert not Interaction.objects.exists()


@pytest.mark.parametrize("content", [b"", b"\x00", b"a,b\n", b"0" * (21 * 1024 * 1024)])
def test_a_hostile_file_is_an_error_and_stores_nothing(tmp_path, content):
    make_user("ada@example.org")
    (tmp_path / "x.csv").write_bytes(content)

    with pytest.raises(CommandError):
        run(tmp_path / "x.csv", "--user", "ada@example.org", "--yes")
    with pytest.raises(CommandError, match="cannot be read"):
        run(tmp_path / "none.csv", "--user", "ada@example.org", "--yes")
    assert not TasteImport.objects.exists()


def test_a_paused_person_is_an_error(heat, export):
    person = make_user("ada@example.org")
    User.objects.filter(pk=person.pk).update(personalisation=False)

    with pytest.raises(CommandError, match="paused"):
        run(export, "--user", "ada@example.org", "--yes")
    assert not Interaction.objects.exists()

"""What the demo does with data that stand, and what it says of each step."""

import io

import pytest
from django.db import connection
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder
from rich.console import Console

from events.imports.services import movielens_import
from events.models import Rating
from recsys_project.demo import prepare
from recsys_project.demo.data import given_dataset
from recsys_project.demo.steps import DemoError, Steps
from tests.archives import CSV, DAT_1M, write_zip


@pytest.fixture
def steps(tmp_path):
    return Steps(Console(file=io.StringIO(), width=40), tmp_path / "demo.log")


def said(steps) -> str:
    return steps.console.file.getvalue()


@pytest.fixture
def unfetched(monkeypatch):
    def refuse(var):
        raise AssertionError("Nothing is to be fetched.")

    monkeypatch.setattr(prepare, "default_dataset", refuse)


def chosen(steps, tmp_path, given=None):
    return prepare._choose_dataset(steps, tmp_path, given, prepare._existing_datasets())


@pytest.mark.django_db
def test_a_run_without_data_keeps_existing_data_and_says_so(steps, tmp_path, unfetched):
    movielens_import(path=write_zip(tmp_path, "ml-1m", DAT_1M))

    assert chosen(steps, tmp_path) is None
    assert said(steps) == "Data: keeping ml-1m (3 ratings); ./bin/demo --fresh [--data PATH] replaces it\n"
    assert Rating.objects.count() == 3


@pytest.mark.django_db
def test_other_data_is_refused_with_what_to_do(steps, tmp_path, unfetched):
    movielens_import(path=write_zip(tmp_path, "ml-1m", DAT_1M))
    other = given_dataset(write_zip(tmp_path, "ml-latest-small", CSV))

    with pytest.raises(DemoError) as refused:
        chosen(steps, tmp_path, other)

    message = str(refused.value)
    assert "ml-1m (3 ratings)" in message
    assert f"./bin/demo --fresh --data {other.path} " in message
    assert f"./bin/manage import_movielens {other.path} " in message
    assert Rating.objects.count() == 3


@pytest.mark.django_db
def test_the_existing_data_set_and_a_first_one_are_accepted(steps, tmp_path, unfetched):
    given = given_dataset(write_zip(tmp_path, "ml-1m", DAT_1M))
    assert chosen(steps, tmp_path, given) == given

    movielens_import(path=given.path)
    assert chosen(steps, tmp_path, given) == given


@pytest.mark.parametrize("variable", ["DATABASE_URL", "REDIS_URL", "MODEL_DIR"])
def test_only_the_demos_own_data_is_removed(tmp_path, monkeypatch, variable):
    monkeypatch.setenv(variable, "elsewhere")
    monkeypatch.setattr(prepare.owner, "stop", lambda: pytest.fail("It stopped services."))
    (tmp_path / "models").mkdir()

    with pytest.raises(DemoError, match=variable):
        prepare.remove_demo_data(tmp_path)
    assert (tmp_path / "models").exists()


def test_fresh_removes_data_and_keeps_downloads_and_passwords(tmp_path, monkeypatch):
    for name in ("DATABASE_URL", "REDIS_URL", "MODEL_DIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("RECSYS_VAR", str(tmp_path))
    for name in ("postgres", "valkey", "models/3", "downloads"):
        (tmp_path / name).mkdir(parents=True)
    for name in ("demo-progress.json", "demo-credentials.json"):
        (tmp_path / name).touch()

    prepare.remove_demo_data(tmp_path)

    kept = {path.name for path in tmp_path.iterdir()}
    assert not {"postgres", "valkey", "models", "demo-progress.json"} & kept
    assert {"downloads", "demo-credentials.json"} <= kept
    # Where nothing runs, stopping needs no programs.
    assert not [name for name in kept if name.startswith("programs-")]


def test_a_step_is_one_line_where_nobody_watches(steps, tmp_path):
    with steps.step("Looking for something with a name longer than the console is wide") as notes:
        steps.manage("help", "migrate")
        notes.append("a note")
    with pytest.raises(DemoError, match="exited with 1") as failed, steps.step("Failing"):
        steps.manage("nothing-of-that-name")

    lines = said(steps).splitlines()
    assert len(lines) == 2
    assert lines[0].startswith("Looking for something with a name longer than the console is wide … done in ")
    assert lines[0].endswith(" s, a note")
    assert "\r" not in said(steps)
    assert "\x1b" not in said(steps)
    log = (tmp_path / "demo.log").read_text()
    assert "usage:" in log
    # What went wrong stands in the error, whose log nobody would look into.
    assert "Unknown command: 'nothing-of-that-name'" in str(failed.value)
    assert str(tmp_path / "demo.log") in str(failed.value)


@pytest.fixture
def commands(steps, monkeypatch) -> list[str]:
    """The management commands that a step has run."""
    run: list[str] = []
    monkeypatch.setattr(steps, "manage", lambda *arguments: run.append(arguments[0]))
    return run


@pytest.mark.django_db
def test_a_database_is_migrated_once(steps, tmp_path, commands):
    prepare._migrate(steps, prepare.Progress(tmp_path / "progress.json"))
    prepare._migrate(steps, prepare.Progress(tmp_path / "progress.json"))

    assert commands == ["migrate"]
    assert "Migrating the database: it is up to date" in said(steps)


@pytest.mark.django_db
def test_a_migration_that_is_not_applied_runs(steps, tmp_path, commands):
    prepare._migrate(steps, prepare.Progress(tmp_path / "progress.json"))
    newest = MigrationLoader(connection).graph.leaf_nodes("events")[0]
    MigrationRecorder(connection).record_unapplied(*newest)

    prepare._migrate(steps, prepare.Progress(tmp_path / "progress.json"))

    assert commands == ["migrate", "migrate"]


def collected(steps, tmp_path, settings, monkeypatch, stamp: str) -> None:
    """Collects as in an environment with this stamp."""
    settings.STATIC_ROOT = tmp_path / "static"
    monkeypatch.setattr(prepare.sys, "prefix", str(tmp_path))
    (tmp_path / "recsys-stamp").write_text(stamp)
    prepare._collect_static(steps, prepare.Progress(tmp_path / "progress.json"))


def test_static_files_are_collected_once_for_a_set_of_packages(steps, tmp_path, commands, settings, monkeypatch):
    collected(steps, tmp_path, settings, monkeypatch, "one")
    (tmp_path / "static").mkdir()
    collected(steps, tmp_path, settings, monkeypatch, "one")
    assert commands == ["collectstatic"]

    collected(steps, tmp_path, settings, monkeypatch, "two")
    assert commands == ["collectstatic"] * 2


def test_static_files_that_are_gone_are_collected_again(steps, tmp_path, commands, settings, monkeypatch):
    collected(steps, tmp_path, settings, monkeypatch, "one")
    collected(steps, tmp_path, settings, monkeypatch, "one")

    assert commands == ["collectstatic"] * 2

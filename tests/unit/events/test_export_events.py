"""What ``export_events`` writes, and that ``import_events`` reads the same events from it."""

import json
import uuid
from datetime import UTC, datetime
from io import StringIO

import polars as pl
import pytest
from django.core.management import CommandError, call_command

from accounts.clients.services import client_get_or_create
from accounts.models import User
from events.models import Interaction, Rating
from tests.factories import make_imported_user, make_movie, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def events():
    """Events of every kind of person, some undone."""
    client = client_get_or_create(name="shop")
    people = [
        make_user("ada@example.org"),
        User.objects.create(client=client, external_id="=cmd", password="!"),
        make_imported_user("ml-1m", 7),
    ]
    movies = [make_movie(movielens_id=1), make_movie(imdb_id="tt0133093", tmdb_id=603), make_movie()]
    rows = [
        ("rating", 4.5, None, "", None),
        ("rating", 3.0, None, "import:file", datetime(2024, 3, 1, tzinfo=UTC)),
        ("partial", None, 0.3, "-row", None),
        ("watch", None, 0.9, "batch", None),
        ("like", None, None, "'quoted", None),
    ]
    for number, (kind, value, progress, source, undone_at) in enumerate(rows):
        for person, movie in zip(people, movies, strict=True):
            Interaction.objects.create(
                user=person, movie=movie, kind=kind, value=value, progress=progress, source=source, undone_at=undone_at,
                occurred_at=datetime(2024, 2, 1 + number, 1, 2, 3, 456789, tzinfo=UTC),
                recommendation_id=uuid.uuid4() if number % 2 else None,
            )  # fmt: skip
    Interaction.objects.create(
        user=people[0], movie=movies[0], kind="hide", occurred_at=datetime(2024, 2, 20, tzinfo=UTC), undo=True,
        undone_at=datetime(2024, 2, 21, tzinfo=UTC),
    )  # fmt: skip
    return people


def export(path, *arguments):
    out = StringIO()
    call_command("export_events", str(path), *map(str, arguments), stdout=out, verbosity=0)
    return out.getvalue()


def stored():
    fields = [f.attname for f in Interaction._meta.concrete_fields if f.attname not in ("id", "received_at")]
    return list(Interaction.objects.order_by("pk").values(*fields))


@pytest.mark.parametrize("suffix", ["csv", "jsonl", "parquet"])
def test_an_import_of_the_export_gives_the_same_events(tmp_path, events, suffix):
    path, before = tmp_path / f"events.{suffix}", stored()
    assert "16 events" in export(path)
    # With the same ids in the same database nothing changes.
    call_command("import_events", str(path), stdout=StringIO(), verbosity=0)
    assert stored() == before
    Interaction.objects.all().delete()
    Rating.objects.all().delete()
    call_command("import_events", str(path), stdout=StringIO(), verbosity=0)
    assert stored() == before
    # The newer rating was undone.
    assert sorted(Rating.objects.values_list("value", flat=True)) == [4.5, 4.5, 4.5]
    assert not (tmp_path / "events-bad-lines.csv").exists()


def test_the_filters_choose_events(tmp_path, events):
    path = tmp_path / "events.jsonl"
    assert "6 events" in export(path, "--kind", "watch")
    assert {row["kind"] for row in map(json.loads, path.read_text().splitlines())} == {"watch"}
    assert "3 events" in export(path, "--since", "2024-02-02", "--until", "2024-02-03T00:00:00Z")
    assert "5 events" in export(path, "--client", "shop")
    assert {json.loads(line)["external_id"] for line in path.read_text().splitlines()} == {"=cmd"}
    assert "9 events" in export(path, "--kind", "rating", "--kind", "like")


def test_csv_holds_no_formulas(tmp_path, events):
    export(tmp_path / "events.csv")
    frame = pl.read_csv(tmp_path / "events.csv", infer_schema=False)
    texts = [text for column in frame for text in column if text]
    assert "'=cmd" in texts
    assert not [text for text in texts if text.startswith(("=", "+", "-", "@"))]


def test_only_the_owner_can_read_the_file(tmp_path, events):
    for suffix in ("csv", "jsonl", "parquet"):
        path = tmp_path / f"events.{suffix}"
        export(path)
        assert path.stat().st_mode & 0o777 == 0o600


def test_no_events_make_an_empty_table(tmp_path, db):
    for suffix in ("csv", "jsonl", "parquet"):
        assert "0 events" in export(tmp_path / f"events.{suffix}")
    assert "kind" in pl.read_parquet(tmp_path / "events.parquet").columns


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["e.txt"], "must end in"),
        (["absent/e.csv"], "There is no folder"),
        (["e.csv", "--client", "nobody"], "no client application 'nobody'"),
        (["e.csv", "--since", "soon"], "--since is a date or a time"),
        (["e.csv", "--until", "2024-02-31"], "--until is a date or a time"),
    ],
)
def test_wrong_options_keep_the_old_file(tmp_path, db, arguments, message):
    (tmp_path / "e.csv").write_text("old")
    with pytest.raises(CommandError, match=message):
        export(tmp_path / arguments[0], *arguments[1:])
    assert (tmp_path / "e.csv").read_text() == "old"


def test_another_extension_needs_a_format(tmp_path, events):
    assert "16 events" in export(tmp_path / "events.txt", "--format", "jsonl")
    assert len((tmp_path / "events.txt").read_text().splitlines()) == 16

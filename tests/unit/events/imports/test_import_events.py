"""What ``import_events`` stores, and what it leaves alone."""

import csv
import json
import uuid
from datetime import UTC, datetime, timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import OperationalError
from django.utils import timezone
from psycopg.errors import DeadlockDetected

from accounts.clients.services import client_get_or_create
from accounts.models import User
from events.imports import events_files, events_services
from events.models import Interaction, Rating
from movies.models import CacheInvalidation
from tests.factories import make_imported_user, make_movie, make_user

pytestmark = pytest.mark.django_db

DAY = "2024-01-02T03:04:05Z"


@pytest.fixture
def ada():
    return make_user("ada@example.org")


@pytest.fixture
def movie():
    return make_movie("The Matrix", movielens_id=2571, imdb_id="tt0133093", tmdb_id=603)


def jsonl(tmp_path, *rows, name="events.jsonl"):
    path = tmp_path / name
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def like(**fields):
    return {"email": "ada@example.org", "movielens_id": 2571, "kind": "like", "occurred_at": DAY, **fields}


def rating(value, occurred_at=DAY, **fields):
    return like(kind="rating", value=value, occurred_at=occurred_at, **fields)


def run(path, *arguments):
    out = StringIO()
    call_command("import_events", str(path), *map(str, arguments), stdout=out, verbosity=0)
    return out.getvalue()


def reasons(tmp_path, name="events"):
    with (tmp_path / f"{name}-bad-lines.csv").open() as stream:
        return [(int(row["line"]), row["reason"]) for row in csv.DictReader(stream)]


def test_an_event_is_stored_with_all_its_fields(tmp_path, ada, movie):
    event_id, list_id = uuid.uuid4(), uuid.uuid4()
    said = run(
        jsonl(
            tmp_path,
            like(kind="watch", progress=0.25, event_id=str(event_id), recommendation_id=str(list_id), source="row:new"),
        )
    )
    event = Interaction.objects.get()
    assert (event.user, event.movie, event.kind, event.value) == (ada, movie, "partial", None)
    assert (event.event_id, event.recommendation_id, event.source) == (event_id, list_id, "row:new")
    assert event.progress == pytest.approx(0.25)
    assert event.occurred_at.isoformat() == "2024-01-02T03:04:05+00:00"
    assert event.received_at > event.occurred_at
    assert (event.undo, event.undone_at) == (False, None)
    assert "1 new" in said


def test_importing_twice_changes_nothing(tmp_path, ada, movie):
    path = jsonl(tmp_path, like(), rating(4), like())
    run(path)
    before = list(Interaction.objects.order_by("pk").values()), list(Rating.objects.values())
    tokens = CacheInvalidation.objects.count()
    said = run(path)
    assert (list(Interaction.objects.order_by("pk").values()), list(Rating.objects.values())) == before
    assert len(before[0]) == 2
    assert "0 new" in said
    assert "3 known" in said
    assert CacheInvalidation.objects.count() == tokens


def test_the_order_of_the_file_is_kept(tmp_path, ada, movie):
    run(jsonl(tmp_path, *(like(kind=kind) for kind in ("view", "like", "dislike", "hide", "watch"))))
    stored = list(Interaction.objects.order_by("pk").values_list("kind", flat=True))
    assert stored == ["view", "like", "dislike", "hide", "watch"]


def test_the_newest_rating_counts(tmp_path, ada, movie):
    run(jsonl(tmp_path, rating(2, "2024-01-03"), rating(5, "2024-01-04"), rating(1, "2024-01-02")))
    assert Rating.objects.get().value == 5
    assert Interaction.objects.count() == 3


def test_a_newer_rating_of_the_person_stays(tmp_path, ada, movie):
    newer = Rating.objects.create(user=ada, movie=movie, value=3)
    run(jsonl(tmp_path, rating(5)))
    newer.refresh_from_db()
    assert newer.value == 3


def test_people_are_found_by_every_name(tmp_path, ada, movie):
    client = client_get_or_create(name="shop")
    known = User.objects.create(client=client, external_id="u1", password="!")
    imported = make_imported_user("ml-1m", 7)
    names = [
        {"email": " ADA@example.org"},
        {"client": "shop", "external_id": "u1"},
        {"client": "shop", "external_id": "u2"},
        {"dataset": "ml-1m", "dataset_user_id": 7},
        {"user_id": ada.pk},
        # The number belongs to this database, the address to every one.
        {"email": "ada@example.org", "user_id": imported.pk},
    ]
    said = run(jsonl(tmp_path, *(like(**{"email": None, **name, "source": str(i)}) for i, name in enumerate(names))))
    new = User.objects.get(external_id="u2")
    assert list(Interaction.objects.order_by("pk").values_list("user", flat=True)) == [
        *(ada.pk, known.pk, new.pk),
        *(imported.pk, ada.pk, ada.pk),
    ]
    assert new.client == client
    assert not new.check_password("!")
    assert "people              1 new" in said


def test_movies_are_found_by_every_id(tmp_path, ada, movie):
    twin, other = make_movie(imdb_id="tt0000007"), make_movie(imdb_id="tt0000007")
    names = [
        {"imdb_id": "tt0133093"},
        {"tmdb_id": 603},
        {"movie_id": movie.pk},
        {"movielens_id": 2571, "imdb_id": "tt0000007"},
        {"imdb_id": "tt0000007", "movie_id": other.pk},
        {"imdb_id": "tt0000007"},
        # An id of another database: never ours by chance.
        {"movielens_id": 1, "movie_id": twin.pk},
    ]
    run(jsonl(tmp_path, *(like(**{"movielens_id": None, **name, "source": str(i)}) for i, name in enumerate(names))))
    assert list(Interaction.objects.order_by("pk").values_list("movie", flat=True)) == [movie.pk] * 4 + [other.pk]
    assert reasons(tmp_path) == [(6, "several movies have this id"), (7, "an unknown movie")]


def test_bad_lines_are_listed_and_the_others_stored(tmp_path, ada, movie):
    paused = make_user(personalisation=False)
    rows = [
        like(),
        like(kind="rating", value=9),
        like(email="nobody@example.org"),
        like(email=paused.email),
        like(email=None, client="absent", external_id="x"),
        like(email=None, user_id=paused.pk + 1000),
        like(movielens_id=99),
        like(email=None, user_id=10**30),
    ]
    said = run(jsonl(tmp_path, *rows))
    assert Interaction.objects.count() == 1
    assert reasons(tmp_path) == [
        (2, "the rating is not 0.5 to 5 in steps of 0.5"),
        (3, "an unknown person"),
        (4, "the person has paused personalisation"),
        (5, "an unknown client application"),
        (6, "an unknown person"),
        (7, "an unknown movie"),
        (8, "user_id is not a whole number, or too large"),
    ]
    assert "7 lines, listed in" in said
    assert "events.jsonl, line 2: the rating is not 0.5 to 5" in said
    assert "line 7" not in said


def test_an_event_id_with_other_content_is_refused(tmp_path, ada, movie):
    event_id = str(uuid.uuid4())
    run(jsonl(tmp_path, like(event_id=event_id)))
    path = jsonl(tmp_path, like(event_id=event_id), like(event_id=event_id, kind="dislike"), name="second.jsonl")
    said = run(path)
    assert reasons(tmp_path, "second") == [(2, "the event id is stored with other content")]
    assert "1 known" in said
    assert Interaction.objects.get().kind == "like"


def test_two_contents_of_one_new_id_store_the_first(tmp_path, ada, movie):
    event_id = str(uuid.uuid4())
    run(jsonl(tmp_path, like(event_id=event_id), like(event_id=event_id, kind="hide"), like(event_id=event_id)))
    assert Interaction.objects.get().kind == "like"
    assert reasons(tmp_path) == [(2, "the event id is stored with other content")]


def test_an_undo_takes_back_earlier_events(tmp_path, ada, movie):
    run(
        jsonl(
            tmp_path,
            like(occurred_at="2024-01-01"),
            like(kind="hide", occurred_at="2024-01-01"),
            like(occurred_at="2024-01-02", undo=True),
            like(occurred_at="2024-01-03"),
        )
    )
    undone = {(e.kind, e.occurred_at.day): e.undone_at is not None for e in Interaction.objects.all()}
    assert undone == {("like", 1): True, ("hide", 1): False, ("like", 2): True, ("like", 3): False}


def test_an_undone_rating_is_gone_until_the_next(tmp_path, ada, movie):
    run(jsonl(tmp_path, rating(5, "2024-01-02")))
    run(jsonl(tmp_path, rating(None, "2024-01-03", undo=True), name="undo.jsonl"))
    assert not Rating.objects.exists()
    run(jsonl(tmp_path, rating(2, "2024-01-04"), name="again.jsonl"))
    assert Rating.objects.get().value == 2


def test_an_undo_brings_no_older_rating_back(tmp_path, ada, movie):
    run(jsonl(tmp_path, rating(5, "2024-01-02"), rating(3, "2024-01-03"), rating(None, "2024-01-04", undo=True)))
    assert not Rating.objects.exists()
    assert not Interaction.objects.filter(undone_at=None).exists()


def test_a_rating_without_an_event_is_kept_as_one(tmp_path, ada, movie):
    early = datetime(2020, 1, 1, tzinfo=UTC)
    Rating.objects.create(user=ada, movie=movie, value=2, rated_at=early)
    path = jsonl(tmp_path, rating(5))
    run(path)
    run(path)
    kept = Interaction.objects.get(source="before")
    assert (kept.value, kept.occurred_at, kept.received_at) == (2, early, early)
    assert Interaction.objects.count() == 2
    assert Rating.objects.get().value == 5


def test_an_event_older_than_an_undo_is_undone(tmp_path, ada, movie):
    run(jsonl(tmp_path, like(occurred_at="2024-01-03", kind="watch", undo=True)))
    late = like(occurred_at="2024-01-02", kind="watch", progress=0.5)
    run(jsonl(tmp_path, late, like(occurred_at="2024-01-04", kind="watch"), name="late.jsonl"))
    assert [e.undone_at is None for e in Interaction.objects.order_by("occurred_at")] == [False, False, True]


def test_a_clock_ahead_counts_as_now(tmp_path, ada, movie):
    ahead = (timezone.now() + timedelta(minutes=2)).isoformat()
    path = jsonl(tmp_path, rating(4, ahead))
    run(path)
    event = Interaction.objects.get()
    assert event.occurred_at == event.received_at
    assert "1 known" in run(path)
    assert Rating.objects.get().rated_at == event.occurred_at


def test_a_dry_run_stores_nothing(tmp_path, ada, movie):
    client_get_or_create(name="shop")
    rows = [like(), like(email=None, client="shop", external_id="new"), like(movielens_id=99)]
    said = run(jsonl(tmp_path, *rows), "--dry-run")
    assert "nothing was stored" in said
    assert "good                2" in said
    assert reasons(tmp_path) == [(3, "an unknown movie")]
    assert not Interaction.objects.exists()
    assert not User.objects.filter(external_id="new").exists()


def test_only_bad_lines_are_an_error(tmp_path, ada, movie):
    with pytest.raises(CommandError, match="Every line is bad"):
        run(jsonl(tmp_path, like(movielens_id=99), like(kind="x")))
    header = tmp_path / "events.csv"
    header.write_text("email,movielens_id,kind,occurred_at\n")
    with pytest.raises(CommandError, match="No line was read"):
        run(header)


def test_a_wrong_file_changes_nothing(tmp_path, ada, movie):
    path = tmp_path / "events.csv"
    path.write_bytes(b"\x89PNG\r\n\x1a\n\0\0")
    with pytest.raises(CommandError, match=r"is an image.*\nNothing was changed"):
        run(path)
    assert not Interaction.objects.exists()
    assert not (tmp_path / "events-bad-lines.csv").exists()


def test_one_token_makes_all_lists_invalid(tmp_path, ada, movie, monkeypatch):
    monkeypatch.setattr(events_files, "BLOCK_ROWS", 2)
    before = CacheInvalidation.objects.count()
    run(jsonl(tmp_path, *(like(occurred_at=f"2024-01-0{day}") for day in range(1, 8))))
    assert Interaction.objects.count() == 7
    assert CacheInvalidation.objects.count() == before + 1


def test_a_report_in_another_place_is_written_there(tmp_path, ada, movie):
    report = tmp_path / "other.csv"
    run(jsonl(tmp_path, like(), like(kind="=SUM(1)")), "--report", report)
    assert "an unknown kind" in report.read_text()
    assert not (tmp_path / "events-bad-lines.csv").exists()
    with pytest.raises(CommandError, match="names the file that is imported"):
        run(report, "--report", report)


def test_a_lost_database_says_what_is_stored(tmp_path, ada, movie, monkeypatch):
    monkeypatch.setattr(events_files, "BLOCK_ROWS", 1)
    stored = events_services.events_store
    blocks = []

    def lose_the_second(frame):
        blocks.append(frame)
        if len(blocks) == 2:
            raise OperationalError("the connection is closed")
        return stored(frame)

    monkeypatch.setattr(events_services, "events_store", lose_the_second)
    with pytest.raises(CommandError, match=r"did not answer.*\n1 events are stored; run it again"):
        run(jsonl(tmp_path, like(), like(kind="view")))
    assert Interaction.objects.get().kind == "like"


def test_a_deadlock_is_tried_again(tmp_path, ada, movie, monkeypatch):
    client_get_or_create(name="shop")
    stored = events_services.events_store
    blocks = []

    def lose_the_first(frame):
        blocks.append(frame)
        if len(blocks) == 1:
            raise OperationalError("deadlock detected") from DeadlockDetected()
        return stored(frame)

    monkeypatch.setattr(events_services, "events_store", lose_the_first)
    said = run(jsonl(tmp_path, like(email=None, client="shop", external_id="new")))
    assert Interaction.objects.get().user.external_id == "new"
    assert "people              1 new" in said


def test_a_block_finds_who_the_one_before_created(tmp_path, ada, movie, monkeypatch):
    monkeypatch.setattr(events_files, "BLOCK_ROWS", 2)
    client_get_or_create(name="shop")
    names = ["a", "b", "b", "c", "a", "nobody/"]
    rows = [like(email=None, client="shop", external_id=name, source=str(i)) for i, name in enumerate(names)]
    assert "people              3 new" in run(jsonl(tmp_path, *rows))
    found = Interaction.objects.order_by("pk").values_list("user__external_id", flat=True)
    assert list(found) == names[:-1]
    assert reasons(tmp_path) == [(6, "the external_id is not allowed")]


def test_an_undone_event_is_undone_from_now_on(tmp_path, ada, movie):
    run(jsonl(tmp_path, like(occurred_at="2024-01-01")))
    before = timezone.now()
    run(jsonl(tmp_path, like(occurred_at="2024-01-02", undo=True), name="undo.jsonl"))
    undone = Interaction.objects.get(undo=False)
    assert undone.undone_at >= before

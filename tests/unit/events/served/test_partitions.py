"""Months are made ahead and dropped when they are over."""

from datetime import UTC, date, datetime, timedelta
from uuid import UUID

import pytest
from django.core.management import call_command
from django.db import connection, transaction
from django.utils import timezone

from events.models import ListImpression, ServedRecommendation
from events.served import partitions
from events.served.partitions import (
    TABLES,
    Partition,
    month_after,
    month_of,
    oldest_month,
    partitions_ensure,
    partitions_find,
    partitions_prepare,
    partitions_prune,
)
from events.served.writer import served_write_block
from tests.factories import make_user
from tests.served import a_list, list_id_at
from workers.tasks import served as tasks


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def partition_of(served_id: UUID) -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT tableoid::regclass::text FROM events_servedrecommendation WHERE id = %s", [served_id])
        return str(cursor.fetchone()[0])


def drop(*names: str) -> None:
    with connection.cursor() as cursor:
        for name in names:
            cursor.execute(f"DROP TABLE {name}")


@pytest.mark.parametrize(
    ("month", "months", "expected"),
    [
        ("2026-12-01", 1, "2027-01-01"),
        ("2027-01-01", -1, "2026-12-01"),
        ("2026-02-01", -14, "2024-12-01"),
        ("2026-05-01", 0, "2026-05-01"),
    ],
)
def test_months_are_counted_over_years(month, months, expected):
    assert month_after(date.fromisoformat(month), months) == date.fromisoformat(expected)


def test_a_month_ends_in_utc():
    assert month_of(datetime.fromisoformat("2026-03-01T00:30+02:00")) == date(2026, 2, 1)


@pytest.mark.django_db
def test_a_list_goes_into_the_partition_of_its_month():
    user, last = make_user(), at("2025-12-31 23:59:59.999")
    lists = [a_list(user.pk, id=list_id_at(moment)) for moment in (last, last + timedelta(milliseconds=1))]
    assert served_write_block(lists) == 0

    assert [partition_of(served.id) for served in lists] == [f"{TABLES[0]}_2025_12", f"{TABLES[0]}_2026_01"]
    assert ListImpression.objects.count() == 2


@pytest.mark.django_db
def test_this_month_and_the_next_two_are_made():
    now = at("2031-12-31 23:59")
    made = partitions_prepare(now)

    assert sorted(made) == sorted(f"{table}_{month}" for table in TABLES for month in ("2031_12", "2032_01", "2032_02"))
    assert partitions_prepare(now) == []
    assert {Partition(table, date(2032, 2, 1)) for table in TABLES} <= set(partitions_find())


@pytest.mark.django_db
def test_a_made_partition_has_the_keys_of_its_table():
    partitions_ensure([at("2031-05-05 00:00")])

    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT contype::text FROM pg_constraint WHERE conrelid = %s::regclass AND contype IN ('p', 'f')",
            [f"{TABLES[1]}_2031_05"],
        )
        assert {kind for (kind,) in cursor.fetchall()} == {"p", "f"}
        cursor.execute("SELECT count(*) FROM pg_indexes WHERE tablename = %s", [f"{TABLES[1]}_2031_05"])
        assert cursor.fetchone()[0] == 5


@pytest.mark.django_db
def test_months_that_are_over_are_dropped_with_their_rows(settings):
    settings.SERVED_LOG_MONTHS = 13
    now, user = timezone.now(), make_user()
    oldest = month_after(month_of(now), -13)
    kept = datetime(oldest.year, oldest.month, oldest.day, tzinfo=UTC)
    partitions_ensure([kept, kept - timedelta(milliseconds=1)])
    lists = [a_list(user.pk, id=list_id_at(moment)) for moment in (kept, kept - timedelta(milliseconds=1))]
    for served in lists:
        ServedRecommendation.objects.create(
            id=served.id, served_at=served.served_at, user=user, endpoint="x", movie_ids=[], scores=[]
        )

    connection.check_constraints()
    before = month_after(oldest, -1)
    assert partitions_prune(now) == [f"{table}_{before:%Y_%m}" for table in sorted(TABLES)]
    assert [served.pk for served in ServedRecommendation.objects.all()] == [lists[0].id]
    assert oldest_month(now) == partitions_find()[0].month
    assert partitions_prune(now) == []


@pytest.mark.django_db(transaction=True)
def test_a_locked_table_delays_nobody_for_long(monkeypatch):
    """Who cannot lock gives up after a moment instead of standing in everybody's way."""
    monkeypatch.setattr(partitions, "_TRIES", 2)
    monkeypatch.setattr(partitions, "_PAUSE_SECONDS", 0)
    partitions_ensure([at("2001-01-01 00:00")])
    other = connection.copy()
    try:
        with transaction.atomic(using="default"), other.cursor() as cursor:
            cursor.execute("BEGIN")
            cursor.execute("SELECT 1 FROM accounts_user")
            cursor.execute("LOCK TABLE events_servedrecommendation_2001_01 IN ACCESS SHARE MODE")
            assert f"{TABLES[0]}_2001_01" not in partitions_prune()
            cursor.execute("ROLLBACK")
    finally:
        other.close()

    assert f"{TABLES[0]}_2001_01" in partitions_prune()
    assert not [found for found in partitions_find() if found.month.year == 2001]


@pytest.mark.django_db
def test_the_nightly_task_and_the_command_agree(capsys):
    partitions_ensure([at("2001-01-01 00:00")])
    tasks.partitions()
    call_command("served_log", "partitions")

    shown = capsys.readouterr().out.split()
    assert f"{TABLES[0]}_{timezone.now():%Y_%m}" in shown
    assert f"{TABLES[0]}_2001_01" not in shown
    call_command("served_log", "prune")
    call_command("served_log", "drain")
    assert "waiting: 0" in capsys.readouterr().out

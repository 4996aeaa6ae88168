from datetime import UTC, datetime, timedelta
from threading import Thread

import numpy as np
import pytest
from django.db import connection

from events import training_data
from events.kinds import Kind
from events.models import Interaction, Rating
from events.training_data import movie_votes_read, training_data_blocks, training_data_read
from tests.factories import make_movie, make_user

MONDAY = datetime(2026, 3, 2, 12, tzinfo=UTC)


def rows() -> list[tuple]:
    columns = training_data_read()
    return sorted(
        zip(
            columns.user_ids.tolist(),
            columns.movie_ids.tolist(),
            columns.kinds.tolist(),
            np.nan_to_num(columns.ratings, nan=-1).tolist(),
            columns.timestamps.tolist(),
            strict=True,
        )
    )


def test_ratings_and_the_newest_event_of_each_kind_are_read(db):
    person, movie = make_user(), make_movie()
    later = MONDAY + timedelta(days=1)
    Rating.objects.create(user=person, movie=movie, value=3.5, rated_at=MONDAY)
    for kind, value, at in [
        ("rating", 3.5, MONDAY),
        ("view", None, MONDAY),
        ("view", None, later),
        ("like", None, MONDAY),
    ]:
        Interaction.objects.create(user=person, movie=movie, kind=kind, value=value, occurred_at=at)

    monday, tuesday = int(MONDAY.timestamp()), int(later.timestamp())
    assert rows() == [
        (person.pk, movie.pk, Kind.RATING.code, 3.5, monday),
        (person.pk, movie.pk, Kind.LIKE.code, -1, monday),
        (person.pk, movie.pk, Kind.VIEW.code, -1, tuesday),
    ]


def test_many_rows_come_in_batches_and_lose_none(db, monkeypatch):
    monkeypatch.setattr(training_data, "_BATCH_ROWS", 7)
    people = [make_user() for _ in range(5)]
    movies = [make_movie() for _ in range(6)]
    Rating.objects.bulk_create(Rating(user=user, movie=movie, value=4) for user in people for movie in movies)

    assert [row[:2] for row in rows()] == [(user.pk, movie.pk) for user in people for movie in movies]


def test_an_empty_database_gives_empty_columns(db):
    assert len(training_data_read()) == 0


def test_votes_fade_with_age_and_a_rating_outranks_a_like(db):
    first, second, movie, other = make_user(), make_user(), make_movie(), make_movie()
    Rating.objects.create(user=first, movie=movie, value=2, rated_at=MONDAY - timedelta(days=10))
    Interaction.objects.create(user=first, movie=movie, kind="like", occurred_at=MONDAY)
    Interaction.objects.create(user=second, movie=movie, kind="dislike", occurred_at=MONDAY - timedelta(days=1))
    Interaction.objects.create(user=second, movie=movie, kind="like", occurred_at=MONDAY)
    Interaction.objects.create(user=second, movie=other, kind="view", occurred_at=MONDAY)

    votes = movie_votes_read(now=MONDAY, half_life_days=10, floor=0.2, as_ratings={"like": 4.5, "dislike": 1.5})

    assert votes.movie_ids.tolist() == [movie.pk]
    assert votes.counts.tolist() == pytest.approx([0.6 + 1])
    assert votes.totals.tolist() == pytest.approx([0.6 * 2 + 4.5])


def many_rows() -> tuple[list, list]:
    """Five people with ratings and events of six movies, stored in no order."""
    people, movies = [make_user() for _ in range(5)], [make_movie() for _ in range(6)]
    pairs = [(user, movie) for movie in reversed(movies) for user in people]
    Rating.objects.bulk_create(Rating(user=user, movie=movie, value=4) for user, movie in pairs[3:])
    Interaction.objects.bulk_create(
        Interaction(user=user, movie=movie, kind="view", occurred_at=MONDAY) for user, movie in pairs[::2]
    )
    return people, movies


@pytest.mark.parametrize("batch", [1, 4, 7, 11, 1000])
def test_blocks_have_each_person_whole_and_in_order(db, monkeypatch, batch):
    people, _ = many_rows()
    expected = rows()
    monkeypatch.setattr(training_data, "_BATCH_ROWS", batch)

    blocks = list(training_data_blocks())

    owners = [np.unique(block.user_ids).tolist() for block in blocks]
    assert [owner for own in owners for owner in own] == [user.pk for user in people]
    assert all(owners)
    found = [np.concatenate(columns) for columns in zip(*(block.columns() for block in blocks), strict=True)]
    found[3] = np.nan_to_num(found[3], nan=-1)
    assert sorted(zip(*(column.tolist() for column in found), strict=True)) == expected
    assert [column.dtype for column in found] == [np.int64, np.int64, np.int8, np.float32, np.int64]


def test_what_is_taken_back_is_in_no_block(db):
    person, movie = make_user(), make_movie()
    Interaction.objects.create(user=person, movie=movie, kind="like", occurred_at=MONDAY, undone_at=MONDAY)

    assert list(training_data_blocks()) == []


@pytest.mark.django_db(transaction=True)
def test_reading_may_end_after_the_first_block(monkeypatch):
    many_rows()
    monkeypatch.setattr(training_data, "_BATCH_ROWS", 4)
    expected = rows()

    blocks = training_data_blocks()
    next(blocks)
    blocks.close()

    assert len(expected) == 42
    assert rows() == expected


@pytest.mark.django_db(transaction=True)
def test_what_is_recorded_meanwhile_is_in_no_block(monkeypatch):
    people, movies = many_rows()
    monkeypatch.setattr(training_data, "_BATCH_ROWS", 4)
    blocks = training_data_blocks()
    read = [next(blocks)]

    def record() -> None:
        Rating.objects.filter(user=people[-1]).update(value=1)
        Interaction.objects.create(user=people[-1], movie=movies[0], kind="hide", occurred_at=MONDAY)
        connection.close()

    other = Thread(target=record)
    other.start()
    other.join()
    read.extend(blocks)

    assert sum(len(block) for block in read) == 42
    assert not any((block.kinds == Kind.HIDE.code).any() or (block.ratings == 1).any() for block in read)
    assert Kind.HIDE.code in training_data_read().kinds

"""Folding newer feedback into nightly lists."""

import numpy as np
import psycopg
import pytest
from django.db import connection

from accounts.models import User
from accounts.privacy.services import taste_reset
from events import list_invalidation
from events.models import Interaction, Rating
from movies.db import advisory_locks as locks
from movies.models import CacheInvalidation, Movie
from recommendations.algorithms.pipeline.trained_model import LIST_FOLDER_FILE
from recommendations.models import BatchRecommendation, ModelVersion
from recommendations.training import folded_rows, folding
from recommendations.training.folding import FoldingError, lists_fold
from recommendations.vectors.artefacts import artefacts_folder
from tests.factories import make_user, make_version
from tests.unit.movies.merging.rows import merge
from tests.unit.recommendations.training.nights import Night, ago

pytestmark = pytest.mark.django_db
Status = ModelVersion.Status


@pytest.fixture
def night() -> Night:
    return Night()


@pytest.fixture
def publishing_elsewhere():
    with psycopg.connect(**connection.get_connection_params(), autocommit=True) as other:
        other.execute("SELECT pg_advisory_lock(%s, %s)", [locks._NAMESPACE, locks._key("publishing")])
        yield


def test_new_likes_change_the_list_of_an_active_person(night):
    person, idle = night.person(), night.person()
    night.event(person, 0)

    outcome = lists_fold()

    assert (outcome.due, outcome.folded, outcome.left, outcome.stopped) == (1, 1, 0, "")
    assert night.places(person)[0] == 1
    assert 0 not in night.places(person)
    assert night.places(idle) == [3, 4, 5]


def test_everything_a_person_did_counts_not_the_new_alone(night):
    person = night.person()
    Rating.objects.create(user=person, movie=night.movies[2], value=5, rated_at=ago(90_000))
    night.event(person, 0)

    lists_fold()

    assert set(night.places(person)[:2]) == {1, 3}


def test_a_list_is_folded_once_for_the_same_events(night):
    person = night.person()
    night.event(person, 0)

    assert lists_fold().folded == 1
    assert lists_fold().due == 0
    night.event(person, 2, minutes=0.01)

    assert lists_fold().folded == 1
    assert set(night.places(person)[:2]) == {1, 3}


def test_an_event_that_was_taken_back_no_longer_counts(night):
    person = night.person()
    night.event(person, 2)
    event = night.event(person, 0, minutes=80)
    Interaction.objects.filter(pk=event.pk).update(undone_at=ago(10))

    lists_fold()

    assert night.places(person)[0] == 3


def test_a_row_whose_person_took_all_back_stays_and_is_not_due(night):
    person = night.person()
    event = night.event(person, 0)
    Interaction.objects.filter(pk=event.pk).update(undone_at=ago(5))

    outcome = lists_fold()

    assert (outcome.due, outcome.folded, outcome.left) == (1, 0, 1)
    assert night.places(person) == [3, 4, 5]
    assert lists_fold().due == 0


def test_the_oldest_lists_come_first_within_the_limit(night):
    people = [night.person() for _ in range(3)]
    for place, person in enumerate(people):
        night.event(person, 0, minutes=10 + place)
    BatchRecommendation.objects.filter(user=people[2]).update(folded_at=ago(20))

    outcome = lists_fold(limit=1)

    assert (outcome.due, outcome.folded, outcome.waiting) == (3, 1, 2)
    assert [night.places(person)[0] for person in people] == [3, 1, 3]


def test_blocks_count_exactly_and_report_progress(night, monkeypatch):
    monkeypatch.setattr(folding, "MAX_BLOCK", 2)
    people = [night.person() for _ in range(5)]
    for person in people:
        night.event(person, 1)
    shown: list[tuple[int, int]] = []

    outcome = lists_fold(on_progress=lambda done, total: shown.append((done, total)))

    assert outcome.folded == 5
    assert shown == [(0, 5), (2, 5), (4, 5), (5, 5)]
    assert [night.places(person)[0] for person in people] == [2] * 5


def test_predicted_ratings_stay_with_their_movies(night):
    person = night.person()
    night.event(person, 3)

    lists_fold()

    row = BatchRecommendation.objects.get(user=person)
    predicted = dict(zip(row.movie_ids, row.predicted_ratings, strict=True))
    assert predicted[night.movies[4].pk] == 4.0
    assert np.isnan(predicted[night.movies[0].pk])


def test_someone_without_a_nightly_list_gets_none(night):
    newcomer = make_user()
    night.event(newcomer, 0)

    assert lists_fold().due == 0
    assert not BatchRecommendation.objects.filter(user=newcomer).exists()


def test_a_paused_person_is_left_out(night):
    person = night.person()
    night.event(person, 0)
    User.objects.filter(pk=person.pk).update(personalisation=False)

    assert lists_fold().due == 0
    assert night.places(person) == [3, 4, 5]


@pytest.mark.parametrize("how", ["erased", "reset", "paused"])
def test_who_leaves_while_lists_are_made_is_left_out(night, monkeypatch, how):
    person, other = night.person(), night.person()
    night.event(person, 0)
    night.event(other, 0)
    real = folding.nightly_ratings

    def leaves(**given):
        if how == "erased":
            User.objects.get(pk=person.pk).delete()
        elif how == "reset":
            taste_reset(user=person)
        else:
            User.objects.filter(pk=person.pk).update(personalisation=False)
        return real(**given)

    monkeypatch.setattr(folding, "nightly_ratings", leaves)

    outcome = lists_fold()

    assert (outcome.due, outcome.folded, outcome.left) == (2, 1, 1)
    assert night.places(other)[0] == 1
    kept = BatchRecommendation.objects.filter(user_id=person.pk).values_list("movie_ids", flat=True)
    assert list(kept) == ([[movie.pk for movie in night.movies[3:]]] if how == "paused" else [])


def test_a_hidden_movie_is_not_listed(night):
    person = night.person()
    night.event(person, 0)
    Movie.objects.filter(pk=night.movies[1].pk).update(status=Movie.Status.HIDDEN)

    lists_fold()

    assert 1 not in night.places(person)


def test_a_like_of_a_merged_movie_counts_for_the_other(night):
    person = night.person()
    night.event(person, 0)
    merge(night.movies[0], night.movies[4])

    lists_fold()

    assert night.places(person)[0] == 5
    assert not {0, 4}.intersection(night.places(person))


def test_a_version_published_meanwhile_is_left_alone(night, monkeypatch):
    person = night.person()
    night.event(person, 0)
    real = folding.nightly_ratings

    def publishes(**given):
        ModelVersion.objects.filter(pk=night.version.pk).update(status=Status.RETIRED)
        newer = make_version(started_at=ago(5))
        night.row(person, newer)
        return real(**given)

    monkeypatch.setattr(folding, "nightly_ratings", publishes)

    outcome = lists_fold()

    newer = ModelVersion.objects.get(status=Status.LIVE)
    assert (outcome.version_id, outcome.folded, outcome.waiting) == (night.version.pk, 0, 1)
    assert "no longer live" in outcome.stopped
    assert night.places(person) == night.places(person, newer) == [3, 4, 5]


@pytest.mark.usefixtures("publishing_elsewhere")
def test_nothing_is_written_while_a_version_is_published(night):
    person = night.person()
    night.event(person, 0)

    outcome = lists_fold()

    assert (outcome.due, outcome.folded) == (1, 0)
    assert "1 wait; stopped: a version is being published" in str(outcome)
    assert night.places(person) == [3, 4, 5]


def test_two_runs_at_once_are_one(night):
    person = night.person()
    night.event(person, 0)
    with psycopg.connect(**connection.get_connection_params(), autocommit=True) as other:
        other.execute("SELECT pg_advisory_lock(%s, %s)", [locks._NAMESPACE, locks._key(folding.LOCK)])

        assert str(lists_fold()) == "nothing folded: another run folds lists"
    assert night.places(person) == [3, 4, 5]


def test_no_live_version_is_no_error():
    assert str(lists_fold()) == "nothing folded: no version is live"


def test_a_version_without_a_list_model_says_what_to_do(night):
    ModelVersion.objects.update(artefacts={})

    with pytest.raises(FoldingError, match="FOLD_LISTS=true"):
        lists_fold()


def test_a_changed_file_is_refused_and_named(night):
    path = artefacts_folder(night.version.pk) / LIST_FOLDER_FILE
    path.write_bytes(path.read_bytes() + b"x")

    with pytest.raises(FoldingError, match=LIST_FOLDER_FILE):
        lists_fold()


def test_hyperparameters_that_cannot_be_read_are_named(night):
    ModelVersion.objects.update(hyperparameters={"feedback": {"fair_rating": "high"}})

    with pytest.raises(FoldingError, match="fair_rating"):
        lists_fold()


@pytest.mark.django_db(transaction=True)
def test_cached_lists_of_folded_people_are_invalidated(night, monkeypatch):
    person, idle = night.person(), night.person()
    night.event(person, 0)
    night.event(idle, 0, minutes=90)
    invalidated: list[str] = []
    real = list_invalidation.invalidate_each

    def notes(tokens):
        pairs = list(tokens)
        invalidated.extend(name for name, _ in pairs)
        return real(pairs)

    monkeypatch.setattr(list_invalidation, "invalidate_each", notes)

    lists_fold()

    assert invalidated == [f"user:{person.pk}"]
    assert list(CacheInvalidation.objects.values_list("name", flat=True)) == [f"user:{person.pk}"]


def test_statements_have_a_time_limit(night, monkeypatch):
    person = night.person()
    night.event(person, 0)
    found: list[str] = []
    real = folded_rows.invalidate_lists_on_commit

    def notes(user_ids):
        with connection.cursor() as cursor:
            cursor.execute("SHOW statement_timeout")
            found.append(cursor.fetchone()[0])
        real(user_ids)

    monkeypatch.setattr(folded_rows, "invalidate_lists_on_commit", notes)

    lists_fold()

    assert found == ["30s"]

"""Recording many events at once: a result for each, and the ratings that follow."""

import uuid
from datetime import timedelta

from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import User
from events.models import Interaction, Rating
from events.new_events import NewEvent, Outcome
from events.recording import interactions_record
from movies.models import Movie
from tests.factories import make_user
from tests.tokens import user_token

DAY = timedelta(days=1)


def new(cast, title="Heat", kind="like", **fields) -> NewEvent:
    person = fields.pop("user", cast.bob)
    return NewEvent(user_id=person.pk, movie_id=cast[title].pk, kind=kind, **fields)


def outcomes(*events: NewEvent) -> list[str]:
    return [result.outcome for result in interactions_record(events)]


def test_nothing_to_record_is_no_query(db, django_assert_num_queries):
    with django_assert_num_queries(0):
        assert interactions_record([]) == []


def test_each_event_has_its_own_result(cast):
    Movie.objects.filter(title="Babe").update(status=Movie.Status.HIDDEN)
    stored, other = uuid.uuid4(), uuid.uuid4()
    interactions_record([new(cast, event_id=stored), new(cast, event_id=other)])

    results = interactions_record(
        [
            new(cast, "Casino"),
            new(cast, event_id=stored),
            new(cast, "Casino", event_id=other),
            new(cast, "Babe"),
            new(cast, "Casino", "rating"),
            new(cast, "Casino", user=User(pk=10**9)),
        ]
    )

    assert [result.outcome for result in results] == [
        *(Outcome.CREATED, Outcome.REPEATED, Outcome.CONFLICT, Outcome.INVALID, Outcome.INVALID, Outcome.GONE),
    ]
    assert list(results[3].errors) == ["movie"]
    assert list(results[4].errors) == ["value"]
    assert results[1].event == Interaction.objects.get(event_id=stored)
    assert sorted(Interaction.objects.values_list("movie__title", flat=True)) == ["Casino", "Heat", "Heat"]


def test_an_event_twice_in_a_batch_is_stored_once(cast):
    same = uuid.uuid4()

    found = outcomes(new(cast, event_id=same), new(cast, event_id=same), new(cast, "Casino", event_id=same))

    assert found == [Outcome.CREATED, Outcome.REPEATED, Outcome.CONFLICT]
    assert Interaction.objects.get().movie == cast["Heat"]


def test_a_returned_event_is_as_the_database_has_it(cast):
    sent = new(
        *(cast, "Heat", "watch"),
        progress=0.3,
        source="row:drama",
        recommendation_id=uuid.uuid4(),
        event_id=uuid.uuid4(),
    )

    (result,) = interactions_record([sent])
    (again,) = interactions_record([sent])

    stored = Interaction.objects.get()
    names = [field.attname for field in Interaction._meta.concrete_fields]
    assert [getattr(result.event, name) for name in names] == [getattr(stored, name) for name in names]
    assert (stored.kind, stored.progress) == ("partial", 0.3)
    assert again.outcome is Outcome.REPEATED


def test_a_batch_costs_as_many_queries_as_two_events(cast):
    people = [make_user() for _ in range(10)]

    def queries(count: int) -> int:
        events = [new(cast, "Heat", "rating", value=3.0, user=person) for person in people[:count]]
        events += [new(cast, "Casino", "like", undo=True, user=person) for person in people[:count]]
        with CaptureQueriesContext(connection) as found:
            assert {result.outcome for result in interactions_record(events)} == {Outcome.CREATED}
        return len(found)

    interactions_record([new(cast, "Heat", "rating", value=2.0, user=person) for person in people])
    assert queries(1) == queries(10)


def test_the_newest_rating_of_a_batch_counts(cast):
    now = timezone.now()

    outcomes(
        new(cast, "Heat", "rating", value=5.0, occurred_at=now - DAY),
        new(cast, "Heat", "rating", value=1.0, occurred_at=now - 2 * DAY),
        new(cast, "Casino", "rating", value=1.0, occurred_at=now - DAY),
        new(cast, "Casino", "rating", value=5.0, occurred_at=now - DAY),
        new(cast, "Casino", "rating", value=2.0, user=cast.carol),
    )

    assert {(r.user, r.movie.title, r.value) for r in Rating.objects.all()} == {
        (cast.bob, "Heat", 5.0),
        (cast.bob, "Casino", 5.0),
        (cast.carol, "Casino", 2.0),
    }


def test_people_who_paused_record_nothing(cast):
    User.objects.filter(pk=cast.bob.pk).update(personalisation=False)

    assert outcomes(new(cast), new(cast, user=cast.carol)) == [Outcome.PAUSED, Outcome.CREATED]
    assert Interaction.objects.get().user == cast.carol


def test_a_repeated_event_needs_no_published_movie(cast):
    sent = new(cast, event_id=uuid.uuid4())
    interactions_record([sent])
    Movie.objects.update(status=Movie.Status.HIDDEN)

    assert outcomes(sent) == [Outcome.REPEATED]


def test_a_refused_event_is_repeated_if_it_is_stored(cast):
    sent, unknown = new(cast, event_id=uuid.uuid4()), new(cast, event_id=uuid.uuid4())
    interactions_record([sent])
    errors = {"recommendation_id": "No."}

    results = interactions_record([sent, unknown], refused={0: errors, 1: errors})

    assert [result.outcome for result in results] == [Outcome.REPEATED, Outcome.INVALID]
    assert results[1].errors == errors
    assert Interaction.objects.count() == 1


def test_a_batch_invalidates_the_lists_of_its_people(cast, django_capture_on_commit_callbacks):
    before = {person: user_token(person.pk) for person in (cast.alice, cast.bob, cast.carol)}

    with django_capture_on_commit_callbacks(execute=True):
        outcomes(new(cast), new(cast, "Casino"), new(cast, user=cast.carol), new(cast, "Heat", "no", user=cast.alice))

    changed = {person for person, token in before.items() if user_token(person.pk) != token}
    assert changed == {cast.bob, cast.carol}

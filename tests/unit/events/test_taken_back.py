"""Events that were taken back stay in the table, and count for nothing."""

from datetime import timedelta

from django.db.models import Q
from django.utils import timezone

from events.models import Interaction
from events.selectors import history, seen_movie_ids
from events.services import interaction_record
from events.training_data import movie_votes_read, training_data_read
from events.trends import movie_trends
from tests.factories import make_movie, make_user


def test_no_reader_counts_an_event_that_was_taken_back(db):
    person, movie = make_user(), make_movie()
    for kind in ("like", "watch", "hide", "view"):
        interaction_record(user=person, movie_id=movie.pk, kind=kind)
    Interaction.objects.update(undone_at=timezone.now())

    votes = movie_votes_read(now=timezone.now(), half_life_days=10, floor=0.2, as_ratings={"like": 4.5, "watch": 3.5})

    assert history(person.pk, 10) == ([], set())
    assert seen_movie_ids(person.pk) == set()
    assert len(training_data_read()) == 0
    assert votes.movie_ids.tolist() == []
    assert Interaction.objects.count() == 4


def test_no_vote_counts_in_trending_after_it_was_taken_back(db):
    kept, taken_back = make_movie(), make_movie()
    for person in (make_user(), make_user()):
        interaction_record(user=person, movie_id=kept.pk, kind="like")
        interaction_record(user=person, movie_id=kept.pk, kind="dislike")
        interaction_record(user=person, movie_id=taken_back.pk, kind="like")
    Interaction.objects.filter(Q(kind="dislike") | Q(movie=taken_back)).update(undone_at=timezone.now())

    trends = movie_trends(until=timezone.now(), window=timedelta(days=7))

    assert [trend.movie_id for trend in trends] == [kept.pk]

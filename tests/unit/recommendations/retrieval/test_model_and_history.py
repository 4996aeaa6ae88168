"""The version that ranks for a person and what they did, in one query."""

import pytest
from django.utils import timezone

from events.selectors import history
from events.services import interaction_record
from recommendations.models import ModelVersion
from recommendations.retrieval.candidates import LiveModel, live_model, live_model_and_history

LIMIT = 5


@pytest.fixture
def busy(cast):
    for title, kind, value in (("Heat", "like", None), ("Babe", "rating", 4.5), ("Alien", "view", None)):
        interaction_record(user=cast.alice, movie_id=cast[title].pk, kind=kind, value=value)
    ModelVersion.objects.filter(pk=cast.version.pk).update(finished_at=timezone.now())
    return cast


@pytest.mark.parametrize("who", ["alice", "bob", "carol"])
def test_one_query_reads_what_two_do(busy, django_assert_num_queries, who):
    user_id = getattr(busy, who).pk

    with django_assert_num_queries(1):
        found = live_model_and_history(user_id, LIMIT)

    assert found == (live_model(user_id), *history(user_id, LIMIT))


def test_without_a_version_the_history_stays(busy):
    ModelVersion.objects.update(status="retired")

    assert live_model_and_history(busy.alice.pk, LIMIT) == (LiveModel(), *history(busy.alice.pk, LIMIT))


def test_of_nobody_there_is_no_history(busy):
    live, signals, seen = live_model_and_history(0, LIMIT)

    assert (live.version_id, live.movie_ids, signals, seen) == (busy.version.pk, [], [], set())

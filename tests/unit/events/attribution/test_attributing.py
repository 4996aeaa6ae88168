"""Which list an event is attributed to."""

from datetime import timedelta
from uuid import uuid4

import pytest
from django.utils import timezone

from events.attribution.services import statistics_refresh
from events.models import Interaction, RecommendationOutcome
from tests.unit.events.attribution.rows import NEW, POPULAR, act, ago, outcome_of, show, show_again


@pytest.fixture
def three(cast):
    return [cast["Heat"], cast["Babe"], cast["Alien"]]


def test_a_named_list_is_chosen_over_a_newer_one(cast, three):
    named = show(cast.bob, three, ago(hours=5), sources=[0, POPULAR, 1], model_version_id=7, arm="b", experiment="x")
    show(cast.bob, three, ago(hours=2))
    click = act(cast.bob, cast["Babe"], "click", ago(hours=1), recommendation_id=named)
    statistics_refresh()

    found = outcome_of(click)
    assert (found.recommendation_id, found.named) == (named, True)
    assert (found.position, found.source) == (2, POPULAR)
    assert (found.model_version_id, found.experiment, found.arm) == (7, "x", "b")
    assert (found.client_id, found.endpoint) == (None, "recommendations")


def test_without_a_name_the_newest_list_with_the_movie(cast, three):
    show(cast.bob, three, ago(hours=9))
    newest = show(cast.bob, three, ago(hours=5))
    show(cast.bob, [cast["Casino"]], ago(hours=3))
    show(cast.bob, three, ago(minutes=20))
    click = act(cast.bob, cast["Alien"], "click", ago(hours=2))
    statistics_refresh()

    found = outcome_of(click)
    assert (found.recommendation_id, found.named, found.position) == (newest, False, 3)


def test_a_list_of_another_person_is_never_chosen(cast, three):
    of_carol = show(cast.carol, three, ago(hours=5))
    forged = act(cast.bob, cast["Heat"], "click", ago(hours=1), recommendation_id=of_carol)
    invented = act(cast.bob, cast["Heat"], "click", ago(hours=1), recommendation_id=uuid4())
    statistics_refresh()

    assert (outcome_of(forged), outcome_of(invented)) == (None, None)


def test_a_forged_name_falls_back_to_an_own_list(cast, three):
    of_carol = show(cast.carol, three, ago(hours=5))
    own = show(cast.bob, three, ago(hours=6))
    click = act(cast.bob, cast["Heat"], "click", ago(hours=1), recommendation_id=of_carol)
    statistics_refresh()

    assert (outcome_of(click).recommendation_id, outcome_of(click).named) == (own, False)


def test_a_movie_on_a_page_that_was_not_shown_is_not_joined(cast, three):
    named = show(cast.bob, three, ago(hours=5), count=2)
    click = act(cast.bob, cast["Alien"], "click", ago(hours=1), recommendation_id=named)
    statistics_refresh()
    assert outcome_of(click) is None

    show_again(named, cast.bob, ago(hours=2), start=2, count=1)
    statistics_refresh()

    assert outcome_of(click).position == 3


def test_lists_before_the_window_count_only_when_named(cast, three, settings):
    settings.ATTRIBUTION_WINDOW_HOURS = 24
    old = show(cast.bob, three, ago(hours=30))
    unnamed = act(cast.bob, cast["Heat"], "click", ago(hours=1))
    named = act(cast.bob, cast["Heat"], "click", ago(hours=1), recommendation_id=old)
    statistics_refresh()

    assert outcome_of(unnamed) is None
    assert outcome_of(named).recommendation_id == old


def test_a_clock_that_is_behind_still_joins(cast, three):
    shown = show(cast.bob, three, ago(hours=1))
    early = act(cast.bob, cast["Heat"], "click", ago(minutes=63), received_at=ago(minutes=59))
    too_early = act(cast.bob, cast["Babe"], "click", ago(minutes=80), received_at=ago(minutes=59))
    statistics_refresh()

    assert outcome_of(early).recommendation_id == shown
    assert outcome_of(too_early) is None


def test_imported_events_answer_no_list(cast, three):
    show(cast.bob, three, ago(hours=5))
    imported = [act(cast.bob, cast["Heat"], "like", ago(hours=1), source=s) for s in ("import:ml", "taste:imdb")]
    own = act(cast.bob, cast["Heat"], "like", ago(hours=1), source="row:new")
    statistics_refresh()

    assert [outcome_of(event) for event in imported] == [None, None]
    assert outcome_of(own) is not None


def test_an_event_taken_back_loses_its_outcome(cast, three):
    show(cast.bob, three, ago(hours=9))
    like = act(cast.bob, cast["Heat"], "like", ago(hours=8))
    statistics_refresh()
    assert outcome_of(like) is not None

    now = timezone.now()
    Interaction.objects.filter(pk=like.pk).update(undone_at=now)
    undo = act(cast.bob, cast["Heat"], "like", now, undo=True, undone_at=now)
    statistics_refresh(now=now + timedelta(minutes=1))

    assert (outcome_of(like), outcome_of(undo)) == (None, None)


def test_a_late_event_is_read_by_the_next_run(cast, three):
    show(cast.bob, three, ago(hours=9), sources=[NEW] * 3)
    statistics_refresh()
    late = act(cast.bob, cast["Heat"], "view", ago(hours=8), received_at=timezone.now())
    statistics_refresh(now=timezone.now())

    assert outcome_of(late).source == NEW
    assert RecommendationOutcome.objects.count() == 1


def test_without_sources_the_source_is_unknown(cast, three):
    show(cast.bob, three, ago(hours=9), sources=[])
    click = act(cast.bob, cast["Heat"], "click", ago(hours=8))
    statistics_refresh()

    assert outcome_of(click).source == -1

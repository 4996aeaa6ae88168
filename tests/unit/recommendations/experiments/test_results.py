"""Results from the log of lists and the events: what counts for whom, and what is compared."""

from datetime import timedelta

import pytest
from django.utils import timezone

from events.models import Interaction, ListImpression, ServedRecommendation
from recommendations.experiments.observations import arm_observations
from recommendations.experiments.results import experiment_results
from recommendations.models import Experiment
from tests.factories import make_imported_user, make_movie
from tests.unit.recommendations.experiments.factories import draft, running

pytestmark = pytest.mark.django_db


@pytest.fixture
def movies():
    return [make_movie(f"Movie {n}", runtime_minutes=120) for n in range(5)]


def started(days: float = 10, **fields) -> Experiment:
    """An experiment that was started days ago."""
    experiment = running(**fields)
    Experiment.objects.update(started_at=timezone.now() - timedelta(days=days))
    experiment.refresh_from_db()
    return experiment


def shown(user, movies, arm="treatment", *, days=5.0, start=0, count=2, experiment="more-new"):
    """The person was shown this part of a list, days ago."""
    at = timezone.now() - timedelta(days=days)
    ids = [movie.pk for movie in movies]
    served = ServedRecommendation.objects.create(
        user=user,
        endpoint="recommendations",
        movie_ids=ids,
        scores=[0.5] * len(ids),
        served_at=at,
        experiment=experiment,
        arm=arm,
    )
    ListImpression.objects.create(recommendation_id=served.pk, user=user, shown_at=at, start=start, count=count)


def acted(user, movie, kind, *, days=4.0, **fields):
    at = timezone.now() - timedelta(days=days)
    Interaction.objects.create(user=user, movie=movie, kind=kind, occurred_at=at, received_at=at, **fields)


def of_person(experiment, user):
    """The sum, count and impressions of a person."""
    found = arm_observations(experiment)
    [place] = [place for place, person in enumerate(found.people.tolist()) if person == user.pk]
    return found.sums[place], found.counts[place], found.impressions[place]


def test_clicks_count_for_the_shown_movies_only(movies):
    experiment, user = started(), make_imported_user()
    shown(user, movies)
    acted(user, movies[0], "click")
    acted(user, movies[0], "view")
    acted(user, movies[3], "click")  # In the list, but on no page that was shown.

    assert of_person(experiment, user) == (1, 2, 1)


def test_a_later_page_shows_its_own_movies(movies):
    experiment, user = started(), make_imported_user()
    shown(user, movies, start=2, count=3)
    acted(user, movies[0], "click")
    acted(user, movies[3], "click")

    assert of_person(experiment, user) == (1, 3, 1)


def test_a_movie_that_is_shown_twice_counts_once(movies):
    experiment, user = started(), make_imported_user()
    shown(user, movies)
    shown(user, movies, days=3)

    assert of_person(experiment, user) == (0, 2, 2)


@pytest.mark.parametrize(
    "event",
    [
        {"days": 6},  # Before it was shown.
        {"days": 0.5, "shown": 9},  # More than a week later.
        {"undone_at": timezone.now()},
        {"undo": True, "undone_at": timezone.now()},
        {"kind": "hide"},
    ],
)
def test_events_that_do_not_count(movies, event):
    experiment, user = started(), make_imported_user()
    shown(user, movies, days=event.pop("shown", 5))
    acted(user, movies[0], event.pop("kind", "click"), **event)

    assert of_person(experiment, user)[:2] == (0, 2)


def test_watch_through_counts_watched_movies(movies):
    experiment, user = started(metric="watch_through"), make_imported_user()
    shown(user, movies)
    acted(user, movies[0], "click")
    acted(user, movies[1], "watch")

    assert of_person(experiment, user)[:2] == (1, 2)


def test_hours_count_all_that_was_watched(movies):
    experiment, user, idle = started(metric="hours"), make_imported_user(), make_imported_user()
    shown(user, movies)
    shown(idle, movies, "control")
    acted(user, movies[0], "partial", progress=0.25)
    acted(user, movies[0], "partial", progress=0.5, days=3)
    acted(user, movies[4], "watch")
    acted(user, movies[3], "watch", days=6)  # Before the first list.

    assert of_person(experiment, user)[:2] == (3.0, 1)
    assert of_person(experiment, idle)[:2] == (0.0, 1)


def test_the_newest_rating_of_a_shown_movie_counts(movies):
    experiment, user = started(metric="rating"), make_imported_user()
    shown(user, movies)
    acted(user, movies[0], "rating", value=2.0)
    acted(user, movies[0], "rating", value=4.0, days=3)
    acted(user, movies[4], "rating", value=1.0)

    assert of_person(experiment, user)[:2] == (4.0, 1)


def test_other_experiments_and_times_are_left_out(movies):
    experiment, user = started(), make_imported_user()
    shown(user, movies, experiment="another")
    shown(user, movies, days=11)
    shown(user, movies, "unknown-arm")

    assert len(arm_observations(experiment).people) == 0


def test_nothing_counts_after_the_end(movies):
    experiment, user = started(), make_imported_user()
    shown(user, movies)
    acted(user, movies[0], "click", days=1)
    Experiment.objects.update(status="stopped", stopped_at=timezone.now() - timedelta(days=2))
    experiment.refresh_from_db()

    assert of_person(experiment, user) == (0, 2, 1)


def test_a_draft_has_no_people():
    results = experiment_results(experiment=draft())

    assert [arm.people for arm in results.arms] == [0, 0]
    assert results.warnings == ("The experiment has not been started.",)


def crowd(movies, arm: str, people: int, clicks: int) -> None:
    """People who were shown two movies; every ``clicks``-th clicks one."""
    for n in range(people):
        user = make_imported_user()
        shown(user, movies, arm)
        if n % clicks == 0:
            acted(user, movies[0], "click")


def test_arms_are_compared_with_the_control(movies):
    experiment = started(effect=0.1)
    crowd(movies, "control", 120, 4)
    crowd(movies, "treatment", 120, 1)

    results = experiment_results(experiment=experiment)

    control, treatment = results.arms
    assert (control.people, control.impressions, control.mean) == (120, 120, pytest.approx(0.125))
    assert control.control
    assert control.comparison is None
    assert treatment.mean == pytest.approx(0.5)
    # Everybody in the treatment clicked once: nothing varies, so there is no interval.
    assert treatment.interval is None
    assert results.sample_ratio_p > 0.5
    assert results.warnings == ()


def test_a_difference_has_an_interval_and_a_p_value(movies):
    experiment = started(effect=0.1)
    crowd(movies, "control", 120, 4)
    crowd(movies, "treatment", 120, 2)

    treatment = experiment_results(experiment=experiment).arms[1]

    assert treatment.comparison.difference == pytest.approx(0.125)
    assert treatment.comparison.interval.low < 0.125 < treatment.comparison.interval.high
    assert 0 < treatment.comparison.p_value < 0.05


def test_few_people_are_not_compared(movies):
    experiment = started()
    crowd(movies, "control", 3, 2)
    crowd(movies, "treatment", 3, 1)

    results = experiment_results(experiment=experiment)

    assert results.arms[1].mean == pytest.approx(0.5)
    assert results.arms[1].comparison is None
    assert results.warnings == ("Arms with fewer than 100 people are not compared.",)


def test_numbers_that_do_not_fit_the_weights_are_named(movies):
    experiment = started()
    crowd(movies, "control", 30, 2)
    crowd(movies, "treatment", 200, 2)

    results = experiment_results(experiment=experiment)

    assert results.sample_ratio_p < 0.001
    assert any("do not fit the weights" in warning for warning in results.warnings)

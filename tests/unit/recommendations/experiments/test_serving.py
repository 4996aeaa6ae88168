"""What a running experiment changes of a list, and what it leaves alone."""

import json
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from structlog.testing import capture_logs

from events.services import interaction_record
from recommendations.experiments import running as cache
from recommendations.experiments import services as experiments
from recommendations.experiments.running import NO_ASSIGNMENT, assignment_for
from recommendations.models import ExperimentArm, MovieEmbedding
from recommendations.retrieval.filters import ListFilters
from recommendations.serving import list_cache, services
from recommendations.serving.gather import gather_for_user
from tests.factories import client_of, make_embedding, make_version
from tests.served import served_lists
from tests.unit.recommendations.experiments.factories import draft, everybody_treated, running

URL = "/api/recommendations/"
IN_TREATMENT = {"name": "more-new", "arm": "treatment"}
pytestmark = pytest.mark.usefixtures("_commits")


@pytest.fixture
def _commits(transactional_db):
    """Starting and stopping reach the caches after the commit."""


def served(user, **options):
    return json.loads(services.recommendation_list(user=user, limit=20, **options))


def titles(answer):
    return [item["movie"]["title"] for item in answer["items"]]


def test_a_draft_changes_no_list(committed_cast):
    before = served(committed_cast.alice)
    draft()

    assert before["experiment"] is None
    assert served(committed_cast.alice) == before


def test_starting_shows_in_the_next_list(committed_cast):
    before = served(committed_cast.alice)
    everybody_treated()

    after = served(committed_cast.alice)

    assert before["experiment"] is None
    assert after["experiment"] == IN_TREATMENT
    assert after["recommendation_id"] != before["recommendation_id"]


def test_stopping_shows_in_the_next_list(committed_cast):
    experiment = everybody_treated()
    first = served(committed_cast.alice)
    experiments.experiment_stop(experiment=experiment)

    after = served(committed_cast.alice)

    assert after["experiment"] is None
    assert after["recommendation_id"] != first["recommendation_id"]


def test_the_end_ends_it_without_a_stop(committed_cast):
    experiment = everybody_treated()
    first = served(committed_cast.alice)
    ended = timezone.now() - timedelta(seconds=1)
    experiments.experiment_update(experiment=experiment, ends_at=ended)

    after = served(committed_cast.alice)

    assert first["experiment"] == IN_TREATMENT
    assert after["experiment"] is None


def test_a_hit_in_an_experiment_costs_no_query(committed_cast):
    everybody_treated()
    first = served(committed_cast.alice)

    with CaptureQueriesContext(connection) as queries:
        again = served(committed_cast.alice)

    assert again == first
    assert len(queries) == 0


def test_a_list_of_another_arm_is_not_served(committed_cast):
    everybody_treated()
    first = served(committed_cast.alice)
    held = list_cache.lookup(committed_cast.alice.pk, acquire=False)
    # The database's state is as before; only the arm differs.
    (only,) = cache._held[1]
    other = type(only)(only.salt, only.start, only.end, only.ends_at, only.arms, only.weights[::-1])
    cache._held = cache._held[0], (other,)

    answer = served(committed_cast.alice)

    assert held.assignment.arm == "treatment"
    assert answer["experiment"] == {"name": "more-new", "arm": "control"}
    assert answer["recommendation_id"] != first["recommendation_id"]


def test_the_log_names_experiment_and_arm(committed_cast):
    everybody_treated()
    served(committed_cast.alice)
    filtered = served(committed_cast.alice, filters=ListFilters(genres=("crime",)))

    rows = served_lists().filter(user=committed_cast.alice)
    assert set(rows.values_list("experiment", "arm")) == {("more-new", "treatment")}
    assert rows.count() == 2
    assert filtered["experiment"] == IN_TREATMENT


def test_the_explanation_names_it(committed_cast):
    everybody_treated()

    answer = client_of(committed_cast.alice).get(URL, {"explain": "true"}).json()

    assert answer["explanation"]["experiment"] == IN_TREATMENT


def test_the_next_page_continues_the_list_of_its_arm(committed_cast):
    experiment = everybody_treated()
    first = json.loads(services.recommendation_list(user=committed_cast.alice, limit=2))
    experiments.experiment_stop(experiment=experiment)

    second = served(committed_cast.alice, cursor=first["next_cursor"])

    assert second["recommendation_id"] == first["recommendation_id"]
    assert second["experiment"] == IN_TREATMENT


def test_who_paused_is_in_no_experiment(committed_cast):
    everybody_treated()
    committed_cast.alice.personalisation = False
    committed_cast.alice.save()

    assert served(committed_cast.alice)["experiment"] is None
    assert not served_lists().exists()


def test_guests_are_in_no_experiment(committed_cast):
    everybody_treated()

    answer = client_of().post(URL + "session/", {"movie_ids": [committed_cast["Heat"].pk]}, format="json").json()

    assert "experiment" not in answer


def test_only_the_reserved_share_takes_part(committed_cast):
    running(share=0.2)

    inside = [assignment_for(person) != NO_ASSIGNMENT for person in range(2_000)]

    assert sum(inside) / len(inside) == pytest.approx(0.2, abs=0.04)


def test_a_holdout_is_popular_without_what_was_seen(committed_cast):
    interaction_record(user=committed_cast.alice, movie_id=committed_cast["Toy Story"].pk, kind="like")
    everybody_treated(treatment={"holdout": True})

    answer = served(committed_cast.alice, explain=True)

    assert answer["user_state"] == "cold"
    assert titles(answer)[:2] == ["Alien", "Heat"]
    assert "Toy Story" not in titles(answer)
    assert {item["reason"]["code"] for item in answer["items"]} == {"popular"}
    assert answer["explanation"]["signals"]["read"] == 0
    assert served_lists().get().arm == "treatment"


def test_the_weights_of_the_blend_are_overridden(committed_cast):
    interaction_record(user=committed_cast.alice, movie_id=committed_cast["Aladdin"].pk, kind="like")
    everybody_treated(treatment={"blend": {"batch": 0.0, "realtime": 1.0}})

    answer = served(committed_cast.alice, explain=True)

    assert answer["explanation"]["weights"] == {"batch": 0.0, "realtime": 1.0, "popular": 0.0}


def test_diversity_and_places_are_overridden(committed_cast):
    everybody_treated(treatment={"diversity": 0.8, "group_cap": 1, "exploration_places": 0})

    request = gather_for_user(committed_cast.alice.pk, assignment=assignment_for(committed_cast.alice.pk)).request

    assert (request.reranking.diversity, request.reranking.group_cap) == (0.8, 1)
    assert request.exploration_places == 0
    assert gather_for_user(committed_cast.alice.pk).request.exploration_places > 0


def test_another_version_ranks(committed_cast):
    version = make_version("retired")
    make_embedding(version, committed_cast["Babe"], [1.0])
    everybody_treated(treatment={"model_version": version.pk})

    answer = served(committed_cast.alice)

    assert answer["model_version"] == version.pk
    assert answer["user_state"] == "cold"  # That version has no list for Alice.
    assert served_lists().get().model_version_id == version.pk


def test_a_version_that_is_gone_falls_back_to_the_live_one(committed_cast):
    version = make_version("retired")
    make_embedding(version, committed_cast["Babe"], [1.0])
    everybody_treated(treatment={"model_version": version.pk})
    MovieEmbedding.objects.filter(version=version).delete()

    with capture_logs() as lines:
        answer = served(committed_cast.alice)

    assert answer["model_version"] == committed_cast.version.pk
    assert answer["experiment"] == IN_TREATMENT
    assert "experiment_version_gone" in [line["event"] for line in lines]


def test_overrides_that_cannot_be_read_change_nothing(committed_cast):
    everybody_treated()
    ExperimentArm.objects.update(overrides={"unknown": 1})
    cache.clear_cache()
    with capture_logs() as lines:
        answer = served(committed_cast.alice)

    assert answer["experiment"] == IN_TREATMENT
    assert "experiment_overrides_not_readable" in [line["event"] for line in lines]


def test_lists_belong_to_their_arm_with_redis_away(committed_cast, monkeypatch):
    everybody_treated()
    monkeypatch.setattr(list_cache, "list_token_keys", lambda user_id: None)

    assert served(committed_cast.alice)["experiment"] == IN_TREATMENT

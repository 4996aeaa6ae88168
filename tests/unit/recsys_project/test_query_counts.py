"""What operations of the API and lists of the admin cost in SQL and round trips to Redis: tests/query_counts.json."""

import json
import uuid

import pytest
from django.apps import apps
from django.contrib import admin
from django.contrib.auth.models import Group
from django.contrib.contenttypes.models import ContentType
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from django_celery_beat.models import CrontabSchedule, IntervalSchedule, PeriodicTask

from accounts.staff.log import view_log
from events.attribution.selectors import COUNTS
from events.models import Interaction, ListImpression, Rating, RecommendationStatistic, ServedRecommendation, Tag
from events.services import interaction_record
from movies.deletion.services import movie_delete
from movies.merging.services import merge_request
from movies.models import Credit, Person
from recommendations.curation.drafts import RuleDraft
from recommendations.curation.services import row_save, rule_save, scenario_save
from recommendations.models import CuratedRow, Scenario, TuningRun
from recommendations.retrieval.database_state import catalogue_token
from tests.factories import (
    Cast,
    make_batch_list,
    make_key,
    make_movie,
    make_version,
)
from tests.query_counts import UPDATE, compare, statements
from tests.unit.recsys_project.query_requests import REQUESTS, make_experiment

# What a list of the admin may cost at most, whatever is committed.
MAX_ADMIN_STATEMENTS = 15


@pytest.fixture
def busy_cast(django_db_reset_sequences: None, committed_cast: Cast, settings, tmp_path) -> Cast:
    """The cast, of whom Alice and Carol have a history, Bob shares his taste, and no model files are there.

    Ids begin at 1: what a process keeps of movies is read in blocks of them.
    """
    settings.MODEL_DIR = tmp_path / "models"
    for title in ("Heat", "Toy Story", "Babe"):
        for person in (committed_cast.alice, committed_cast.carol):
            interaction_record(user=person, movie_id=committed_cast[title].pk, kind="view")
    Credit.objects.create(movie=committed_cast["Heat"], person=Person.objects.create(name="Mann"), role="director")
    # A catalogue without a token gets one from whoever reads it first, which drops what was cached before.
    catalogue_token()
    return committed_cast


def operations() -> set[str]:
    """Every operation of the schema: method and path."""
    schema = Client().get("/api/schema/", HTTP_ACCEPT="application/json").json()
    return {f"{method.upper()} {path}" for path, methods in schema["paths"].items() for method in methods}


def test_every_operation_costs_the_committed_number_of_queries(busy_cast):
    asked = {request.operation for request in REQUESTS}
    assert sorted(operations() - asked) == [], "Not counted: add how to ask for these to REQUESTS."
    assert sorted(asked - operations()) == [], "No longer in the schema: remove these from REQUESTS."

    ContentType.objects.get_for_models(*apps.get_models())  # Each process reads them once.
    found = {request.name: request.costs(busy_cast) for request in REQUESTS}

    assert len(found) == len(REQUESTS)
    compare("api", {name: sql for name, (sql, _) in found.items()})
    compare("api, round trips to Redis", {name: trips for name, (_, trips) in found.items()})


@pytest.fixture
def full_tables(cast: Cast) -> Cast:
    """At least two rows in each table of the admin, so that a query a row is seen."""
    for n, movie in enumerate((cast["Heat"], cast["Babe"])):
        Interaction.objects.create(user=cast.bob, movie=movie, kind="like")
        Rating.objects.create(user=cast.bob, movie=movie, value=4)
        Tag.objects.create(user=cast.bob, movie=movie, text="good")
        view_log(staff=cast.stan, user_id=cast.bob.pk, text="Opened the support page.")
        ServedRecommendation.objects.create(user=cast.bob, endpoint="recommendations", movie_ids=[1], scores=[0.5])
        ListImpression.objects.create(user=cast.bob, recommendation_id=uuid.uuid4(), count=1)
        sums = dict.fromkeys(COUNTS, n)
        RecommendationStatistic.objects.create(
            period="day", starts_at=timezone.now(), as_of=timezone.now(), value=str(n), **sums
        )
        Credit.objects.create(movie=movie, person=Person.objects.create(name=f"Person {n}"), role="director")
        TuningRun.objects.create(status="finished")
        Group.objects.create(name=f"Group {n}")
        make_key(f"client {n}")
        make_experiment(started=True)
        scenario = Scenario.objects.create(name=f"scenario-{n}")
        scenario_save(scenario=scenario, config={})
        row = row_save(row=CuratedRow(name=f"row-{n}", title="Row"), movie_ids=[movie.pk])
        draft = RuleDraft(kind="row", reason="Why", row=row, scenario=scenario, genre=movie.genres.get())
        rule_save(draft=draft)
        every = IntervalSchedule.objects.create(every=n + 100, period="hours")
        PeriodicTask.objects.create(name=f"By interval {n}", task="a", interval=every)
        merge_request(duplicate_id=make_movie(f"Double {n}").pk, target_id=movie.pk, reason="The same film.")
        movie_delete(movie_id=make_movie(f"Mistake {n}").pk)
        daily = CrontabSchedule.objects.create(minute=str(n), hour="7")
        PeriodicTask.objects.create(name=f"Daily {n}", task="a", crontab=daily)
    make_version("retired", requested_by=cast.stan)
    make_batch_list(cast.version, cast.bob, {cast["Heat"]: 0.5})
    return cast


def test_every_admin_list_costs_the_committed_number_of_queries(full_tables, client):
    client.force_login(full_tables.stan)
    found = {}
    for model in admin.site._registry:
        assert model._default_manager.count() >= 2, model
        page = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
        assert client.get(page).status_code == 200
        found[f"GET {page}"] = statements(lambda page=page: client.get(page))

    assert max(map(len, found.values())) < MAX_ADMIN_STATEMENTS
    compare("admin", found)


def test_what_differs_from_the_file_is_named_with_both_numbers(tmp_path, monkeypatch):
    file = tmp_path / "counts.json"
    monkeypatch.delenv(UPDATE, raising=False)
    file.write_text(json.dumps({"api": {"GET /same/": 1, "GET /more/": 1, "GET /gone/": 3}, "admin": {"GET /a/": 1}}))
    found = {"GET /same/": ["SELECT 1"], "GET /more/": ["SELECT 1", "SELECT 2"], "GET /new/": []}

    with pytest.raises(pytest.fail.Exception) as failure:
        compare("api", found, file)

    message = str(failure.value)
    assert "GET /more/: expected 1, found 2\n    SELECT 1\n    SELECT 2" in message
    assert "GET /gone/: expected 3, found nothing" in message
    assert "GET /new/: expected nothing, it is not in the file, found 0" in message
    assert "GET /same/" not in message
    assert f"{UPDATE}=1" in message


def test_updating_writes_the_section_and_leaves_the_others(tmp_path, monkeypatch):
    file = tmp_path / "counts.json"
    file.write_text(json.dumps({"api": {"GET /gone/": 3}, "admin": {"GET /a/": 1}}))
    monkeypatch.setenv(UPDATE, "1")
    compare("api", {"GET /new/": ["SELECT 1"]}, file)
    monkeypatch.delenv(UPDATE)

    compare("api", {"GET /new/": ["SELECT 1"]}, file)
    assert json.loads(file.read_text()) == {"api": {"GET /new/": 1}, "admin": {"GET /a/": 1}}

"""The dashboard: who sees what, and that nothing which is away takes the page with it."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import Permission
from django.db import DatabaseError
from django.test import Client
from django.utils import timezone
from redis.exceptions import ConnectionError as RedisConnectionError

from events.models import ServedRecommendation
from recommendations.models import ModelVersion
from recommendations.training.readiness import readiness_count
from recommendations.training.status import trainings_now
from recsys_project.staff import pages, snapshot, task_board, work_figures
from tests.factories import make_movie, make_user, make_version

pytestmark = pytest.mark.django_db
SECTIONS = ("model", "traffic", "catalogue", "work")


def forget() -> None:
    for name in SECTIONS:
        snapshot.section_forget(name)


@pytest.fixture(autouse=True)
def fresh():
    forget()
    yield
    forget()


@pytest.fixture
def redis_away(monkeypatch):
    def away(alias: str):
        raise RedisConnectionError("gone")

    for module in (snapshot, task_board):
        monkeypatch.setattr(module, "get_redis_connection", away)
    monkeypatch.setattr(work_figures, "stream_state", lambda: away("default"))


def desk_of(**fields) -> Client:
    client = Client()
    client.force_login(make_user(is_staff=True, **fields))
    return client


def with_rights(*codenames: str) -> Client:
    staff = make_user(is_staff=True)
    staff.user_permissions.set(Permission.objects.filter(codename__in=codenames))
    client = Client()
    client.force_login(staff)
    return client


def test_an_empty_database_has_a_dashboard():
    page = desk_of(is_superuser=True).get("/admin/").content.decode()

    assert "Nothing was trained yet" in page
    assert "No list was served in four weeks." in page


@pytest.mark.parametrize(
    ("right", "shown"),
    [
        ("view_modelversion", "plot-quality"),
        ("view_recommendationstatistic", "plot-clicks"),
        ("view_movie", "catalogue-heading"),
        ("view_periodictask", "workers-heading"),
    ],
)
def test_a_right_opens_its_section_alone(right, shown):
    headings = {"plot-quality", "plot-clicks", "catalogue-heading", "workers-heading"}
    page = with_rights(right).get("/admin/").content.decode()

    assert {heading for heading in headings if f'id="{heading}"' in page} == {shown}


def test_staff_without_rights_see_no_figure():
    context = with_rights().get("/admin/").context

    assert (context["desk"], context["plots"]) == ({}, {})


def test_the_live_version_and_a_refusal_are_shown():
    live = make_version(metrics={"ndcg@10": 0.25, "popularity": {"ndcg@10": 0.125}})
    make_version("refused", refusal="It ranks worse than popularity.", metrics={})

    context = desk_of(is_superuser=True).get("/admin/").context
    model = context["desk"]["model"]

    assert (model["live"]["id"], model["live"]["gain_percent"]) == (live.pk, "+100%")
    assert model["nights"][0]["reason"] == "It ranks worse than popularity."
    assert context["plots"]["quality"]["versions"] == [live.pk]


def test_a_running_training_has_an_end(django_user_model):
    make_version("training", stage="fit", progress=0.5, attempts=1, started_at=ModelVersion().created_at)

    (training,) = desk_of(is_superuser=True).get("/admin/").context["desk"]["model"]["training"]

    assert (training["stage"], training["progress"]) == ("fit", 0.5)
    assert training["ends"] is not None


def test_the_end_of_a_training_is_that_of_the_page_of_versions():
    began = timezone.now() - timedelta(hours=1)
    make_version(started_at=began, finished_at=began + timedelta(minutes=10))
    make_version("training", progress=0.9, started_at=timezone.now() - timedelta(minutes=1))

    (training,) = desk_of(is_superuser=True).get("/admin/").context["desk"]["model"]["training"]
    (followed,) = trainings_now()

    assert timedelta(minutes=8) < training["ends"] - timezone.now() <= timedelta(seconds=followed.remaining + 60)


def test_empty_lists_and_fallbacks_have_shares():
    for movie_ids, sources in (([], []), ([1], [2]), ([1, 2], [2, 2]), ([1, 2], [0, 2])):
        scores = [1.0] * len(movie_ids)
        ServedRecommendation.objects.create(endpoint="x", movie_ids=movie_ids, scores=scores, sources=sources)

    newest = desk_of(is_superuser=True).get("/admin/").context["desk"]["traffic"]["newest"]

    assert (newest["lists"], newest["text"]) == (4, "25.0% and 50.0%")


def test_a_second_page_reads_no_figure_again(django_assert_max_num_queries):
    desk = desk_of(is_superuser=True)
    first = desk.get("/admin/").context["desk"]["model"]["as_of"]
    make_version()

    with django_assert_max_num_queries(6):
        again = desk.get("/admin/").context["desk"]["model"]

    assert again["as_of"] == first
    assert again["live"] is None


@pytest.mark.usefixtures("redis_away")
def test_without_redis_the_figures_are_shown():
    make_version()
    desk = desk_of(is_superuser=True)

    for path in ("/admin/", "/admin/readiness/"):
        assert desk.get(path).status_code == 200
    context = desk.get("/admin/").context["desk"]
    assert context["model"]["live"] is not None
    assert "Redis did not answer" in context["work"]["problem"]


def test_a_section_that_fails_leaves_the_others(monkeypatch):
    def fail() -> dict:
        raise DatabaseError("no such table")

    monkeypatch.setattr(pages, "traffic_figures", fail)
    page = desk_of(is_superuser=True).get("/admin/").content.decode()

    assert "This could not be read." in page
    assert "no such table" not in page
    assert "Quality over versions" in page


def test_what_failed_is_not_kept(monkeypatch):
    answers = iter([DatabaseError("away"), {"number": 1}])

    def compute() -> dict:
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    assert snapshot.section("model", 60, compute).values is None
    assert snapshot.section("model", 60, compute).values == {"number": 1}


def test_nobody_reads_it_without_signing_in():
    for path in ("/admin/", "/admin/readiness/"):
        assert Client().get(path).status_code == 302
    assert desk_of().get("/admin/readiness/").status_code == 403


def test_figures_before_the_first_count_are_no_numbers():
    make_movie("Unseen", 1999)
    desk = desk_of(is_superuser=True)

    before = desk.get("/admin/readiness/").content.decode()
    assert before.count("not counted yet") == 3  # Ratings, places, and the line below the table.
    assert "lacking=few_ratings" not in before
    assert "lacking=no_overview" in before

    readiness_count()
    forget()
    after = desk.get("/admin/readiness/").content.decode()
    assert "not counted yet" not in after
    assert "lacking=few_ratings" in after


def test_a_reason_that_looks_like_a_time_is_shown():
    make_version(status=ModelVersion.Status.REFUSED, refusal="2026-13-40T00:00:00Z")

    answer = desk_of(is_superuser=True).get("/admin/")

    assert answer.status_code == 200
    assert "2026-13-40T00:00:00Z" in answer.text

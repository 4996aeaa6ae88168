"""Versions in the admin: reasons asked for and kept, rejected, compared, followed while they train."""

from datetime import timedelta

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from recommendations.models import ModelVersion, VersionDecision
from tests.factories import make_batch_list, make_embedding, make_user, make_version

VERSIONS = reverse("admin:recommendations_modelversion_changelist")
COMPARE = reverse("admin:recommendations_modelversion_compare")
PROGRESS = reverse("admin:recommendations_modelversion_progress")


@pytest.fixture
def staff(cast) -> Client:
    client = Client()
    client.force_login(cast.stan)
    return client


@pytest.fixture
def older(cast) -> ModelVersion:
    """The version that was live before."""
    version = make_version("retired", metrics={"ndcg@10": 0.2, "popularity": {"ndcg@10": 0.1}})
    make_embedding(version, cast["Heat"], [1.0])
    make_batch_list(version, cast.alice, {cast["Heat"]: 1.0})
    return version


def act(client, action, *versions, **form):
    data = {"action": action, "_selected_action": [version.pk for version in versions], **form}
    return client.post(VERSIONS, data, follow=True)


@pytest.mark.parametrize("action", ["make_live", "roll_back", "reject"])
@pytest.mark.parametrize("form", [{}, {"reason": ""}, {"reason": "x" * 301}, {"reason": "a\nb"}])
def test_no_decision_without_a_reason(cast, staff, older, action, form):
    page = act(staff, action, older, **form)

    assert page.templates[0].name == "admin/confirm.html"
    assert ModelVersion.objects.live().get() == cast.version
    older.refresh_from_db()
    assert (older.status, older.refusal) == ("retired", "")
    assert not VersionDecision.objects.exists()


def test_a_reason_is_in_the_history_and_with_the_version(cast, staff, older):
    act(staff, "make_live", older, reason="Fewer repeats")

    assert ModelVersion.objects.live().get() == older
    entry = LogEntry.objects.get(object_id=str(older.pk))
    assert "Fewer repeats" in entry.get_change_message()
    assert entry.user == cast.stan
    page = staff.get(reverse("admin:recommendations_modelversion_change", args=[older.pk])).content.decode()
    assert "<td>Fewer repeats</td>" in page


def test_a_version_is_rejected(cast, staff, older):
    page = act(staff, "reject", older, reason="Odd lists")

    assert f"Version {older.pk} is rejected" in page.content.decode()
    assert "Rejected by staff: Odd lists" in page.content.decode()
    assert "no earlier version" in act(staff, "roll_back", older, reason="Why").content.decode()
    assert ModelVersion.objects.live().get() == cast.version


def test_the_live_version_is_not_rejected(cast, staff):
    page = act(staff, "reject", cast.version, reason="Odd lists")

    assert "roll back first" in page.content.decode()
    assert ModelVersion.objects.live().get() == cast.version
    assert not LogEntry.objects.exists()


def test_two_versions_are_compared(cast, staff, older):
    ModelVersion.objects.filter(pk=cast.version.pk).update(
        metrics={"ndcg@10": 0.3, "stages": [["fitting", 61.71828]]},
        hyperparameters={"l2": 5, "weights": [0.123456, 1234.56]},
    )
    gone = make_version("retired")

    page = act(staff, "compare", older, cast.version)
    text = page.content.decode()
    pair = staff.get(COMPARE, {"first": gone.pk, "second": older.pk}).content.decode()

    assert page.redirect_chain[0][0] == f"{COMPARE}?first={cast.version.pk}&second={older.pk}"
    assert '<td class="better">0.3</td>' in text
    assert "<th>l2</th>" in text
    assert "<td>0.1235, 1,235</td>" in text
    assert "0.12345" not in text
    assert "<th>peak memory (MiB)</th>" in text
    assert "<th>fitting (seconds)</th>" in text
    assert f"Version {gone.pk} has no lists and vectors any more" in pair
    assert f"?model={older.pk}" in pair


@pytest.mark.parametrize("query", [{"first": "x", "second": "1"}, {"first": "9" * 40, "second": ""}, {"first": "\x00"}])
def test_versions_to_compare_must_exist(staff, query):
    page = staff.get(COMPARE, query)

    assert page.status_code == 200
    assert "first" in page.context["form"].errors


def test_a_version_is_not_compared_with_itself(cast, staff):
    page = staff.get(COMPARE, {"first": cast.version.pk, "second": cast.version.pk})

    assert set(page.context["form"].errors) == {"second"}
    assert "select exactly 2 model versions" in act(staff, "compare", cast.version).content.decode()


def test_a_training_is_followed(cast, staff):
    began = timezone.now() - timedelta(minutes=10)
    ModelVersion.objects.filter(pk=cast.version.pk).update(started_at=began, finished_at=began + timedelta(minutes=4))
    training = make_version("training", stage="fitting", progress=0.4, started_at=timezone.now() - timedelta(minutes=1))
    waiting = make_version("requested", stage="waiting")

    answer = staff.get(PROGRESS).json()

    assert answer["live"] == cast.version.pk
    first, second = answer["trainings"]
    assert (first["version"], first["stage"], first["percent"]) == (training.pk, "fitting", 40)
    assert 59 <= first["seconds"] <= 70
    assert 170 <= first["remaining_seconds"] <= 181
    assert (second["version"], second["seconds"], second["remaining_seconds"]) == (waiting.pk, None, None)


def test_nothing_trains(cast, staff, django_assert_max_num_queries):
    with django_assert_max_num_queries(5):
        assert staff.get(PROGRESS).json()["trainings"] == []


def test_quality_is_plotted_over_versions(cast, staff, older):
    page = staff.get(VERSIONS)

    assert page.context["plots"]["quality"] == {
        "versions": [older.pk],
        "model": [0.2],
        "popularity": [0.1],
        "statuses": ["retired"],
    }
    assert 'id="plot-quality"' in page.text


@pytest.mark.parametrize("page", [COMPARE, PROGRESS])
def test_pages_of_versions_need_the_right_to_view_them(cast, page):
    clerk, client = make_user(is_staff=True), Client()
    client.force_login(clerk)
    assert client.get(page).status_code == 403

    clerk.user_permissions.add(Permission.objects.get(codename="view_modelversion"))
    assert client.get(page).status_code == 200

import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse

from recommendations.models import BatchRecommendation, ModelVersion
from recommendations.training import services as training
from tests.factories import make_user

VERSIONS = reverse("admin:recommendations_modelversion_changelist")


@pytest.fixture
def staff(db) -> Client:
    client = Client()
    client.force_login(make_user(is_staff=True, is_superuser=True))
    return client


def act(client: Client, action: str, *versions: ModelVersion, reason: str | None = "A test") -> str:
    """Sends the action with a reason; without one, the page asks for it."""
    data = {"action": action, "_selected_action": [version.pk for version in versions]}
    data |= {} if reason is None else {"reason": reason}
    return client.post(VERSIONS, data, follow=True).content.decode()


def test_lists_and_pages_show_what_was_trained(world, staff):
    version = training.training_run()

    assert "0." in staff.get(VERSIONS).content.decode()
    page = staff.get(reverse("admin:recommendations_modelversion_change", args=[version.pk])).content.decode()
    assert "popularity ndcg@10" in page
    assert "fitting (seconds)" in page
    assert "<th>realtime recency_half_life</th><td>5</td>" in page
    ModelVersion.objects.update(serving={"realtime": {"recency_half_life": 7.5}})
    page = staff.get(reverse("admin:recommendations_modelversion_change", args=[version.pk])).content.decode()
    assert "<th>realtime recency_half_life</th><td>7.5</td>" in page
    assert staff.get(reverse("admin:recommendations_popularmovie_changelist") + "?q=Crime").status_code == 200
    row = BatchRecommendation.objects.first()
    page = staff.get(reverse("admin:recommendations_batchrecommendation_change", args=[row.pk])).content.decode()
    assert "Toys" in page
    assert f"<td>{row.predicted_ratings[0]:.1f}</td>" in page
    found = staff.get(reverse("admin:recommendations_batchrecommendation_changelist") + f"?q={row.user_id}")
    assert len(found.context["cl"].result_list) == 1


def test_a_version_with_unreadable_parameters_shows_the_defaults_it_is_served_with(world, staff):
    version = training.training_run()
    ModelVersion.objects.filter(pk=version.pk).update(serving=["blend"])

    page = staff.get(reverse("admin:recommendations_modelversion_change", args=[version.pk])).content.decode()

    assert "<tr><th>blend batch</th><td>0.7</td></tr>" in page


def test_retrain_asks_for_a_training(world, staff):
    live = training.training_run()

    assert "will be trained within a minute" in act(staff, "retrain", live)

    requested = ModelVersion.objects.get(status="requested")
    assert (requested.trigger, requested.requested_by_id) == ("admin", int(staff.session["_auth_user_id"]))
    live.refresh_from_db()
    assert live.status == "live"


def test_the_first_training_can_be_requested_without_any_version(staff):
    page = act(staff, "retrain")

    assert "will be trained within a minute" in page
    assert ModelVersion.objects.get().status == "requested"


def test_rolling_back_and_forward(world, staff):
    first, second = training.training_run(), training.training_run()

    assert f"Version {first.pk} is live" in act(staff, "roll_back", second)
    assert ModelVersion.objects.get(status="live") == first
    assert f"Version {second.pk} is live" in act(staff, "make_live", second)
    assert ModelVersion.objects.get(status="live") == second
    assert "select exactly 1 model version." in act(staff, "make_live", first, second)


def test_a_version_that_cannot_go_live_is_refused_with_a_reason(world, staff):
    live = training.training_run()
    failed = ModelVersion.objects.create(status="failed")

    assert "nothing to publish" in act(staff, "make_live", failed)
    assert ModelVersion.objects.get(status="live") == live


def test_staff_who_may_only_look_cannot_act(world):
    live = training.training_run()
    viewer = make_user(is_staff=True)
    viewer.user_permissions.add(Permission.objects.get(codename="view_modelversion"))
    client = Client()
    client.force_login(viewer)

    act(client, "retrain", live)

    assert client.get(VERSIONS).status_code == 200
    assert not ModelVersion.objects.filter(status="requested").exists()

"""What all pages of the admin share: JSON that the policy lets a browser show, and lists without rows."""

import pytest
from django.urls import reverse

from recommendations.models import TuningRun, TuningTrial
from tests.factories import make_user
from tests.unit.recommendations.experiments.factories import running

pytestmark = pytest.mark.django_db


@pytest.fixture
def staff(client):
    client.force_login(make_user("root@example.org", is_staff=True, is_superuser=True))
    return client


def test_json_of_a_running_experiment_has_no_styles(staff):
    experiment = running(treatment={"diversity": 0.9})

    page = staff.get(reverse("admin:recommendations_experiment_change", args=[experiment.pk])).content.decode()

    assert "diversity" in page
    assert " style=" not in page


def test_json_of_trials_has_no_styles(staff):
    run = TuningRun.objects.create()
    TuningTrial.objects.create(run=run, number=1, part="als", parameters={"note": ' style="x" <b>'}, seconds=1)

    page = staff.get(reverse("admin:recommendations_tuningrun_change", args=[run.pk])).content.decode()

    assert "&lt;b&gt;" in page
    assert ' style="' not in page
    assert "<b>" not in page


def test_a_list_without_rows_names_no_filter(staff):
    page = reverse("admin:movies_moviemerge_changelist")

    assert "Nothing here yet" in staff.get(page).content.decode()
    assert "match the search and the filters" in staff.get(page, {"q": "nobody"}).content.decode()

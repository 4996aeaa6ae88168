"""Forms of the admin with too much, or with what nobody types: refused without a change, and in bounded work."""

from typing import Any

import pytest
from django.contrib import admin
from django.test import Client
from django.urls import reverse

from movies.models import Movie
from recommendations.models import CuratedRow, CurationRule, Experiment, Scenario
from recsys_project.staff_admin.lines import MAX_LINES
from tests.factories import Cast
from tests.unit.recsys_project.forged_posts import changed, fingerprint, form_values, subject_of
from tests.unit.recsys_project.query_requests import make_experiment
from tests.unit.recsys_project.test_query_counts import full_tables  # noqa: F401 -- a fixture.

pytestmark = pytest.mark.django_db
EDITED = (CurationRule, CuratedRow, Scenario, Experiment)
LONG = "x" * 20_000
HOSTILE = ["\x00", LONG, "9" * 5_000, "0001-01-01", "9999-12-31", "-1", "NaN", "1e400", "²", "[" * 50_000]


@pytest.fixture
def root(full_tables: Cast) -> Client:  # noqa: F811
    """The browser of a superuser, with a draft of an experiment beside the rows of each table."""
    make_experiment(started=False)
    client = Client(raise_request_exception=False)
    client.force_login(full_tables.stan)
    return client


def form_of(root: Client, model: Any) -> tuple[str, dict[str, Any]]:
    """The address and the values of the form of a row of this model."""
    row = subject_of(admin.site._registry[model])
    page = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_change", args=[row.pk])
    return page, {**form_values(root.get(page)), "_save": "Save"}


@pytest.mark.parametrize("claimed", ["100000", str(MAX_LINES + 1), "30", "9" * 5_000])
@pytest.mark.parametrize("lines", ["credits", "availability"])
def test_a_form_claims_no_more_lines_than_it_sends(root, lines, claimed):
    page, values = form_of(root, Movie)
    assert f"{lines}-TOTAL_FORMS" in values
    before = fingerprint()

    answer = root.post(page, {**values, f"{lines}-TOTAL_FORMS": claimed, "title": "Forged"})

    assert answer.status_code == 400
    assert changed(before, fingerprint()) == set()


@pytest.mark.parametrize("claimed", ["", "x", "\x00", "1e3", "²"])
def test_a_senseless_number_of_lines_changes_nothing(root, claimed):
    page, values = form_of(root, Experiment)
    before = fingerprint()

    answer = root.post(page, {**values, "arms-TOTAL_FORMS": claimed, "description": "Forged"})

    assert answer.status_code == 200
    assert changed(before, fingerprint()) == set()


def test_a_movie_takes_as_many_lines_as_a_form_sends(root):
    page, values = form_of(root, Movie)
    regions = ["SE", "NO", "DK", "FI", "IS", "DE", "FR", "ES", "PT", "IT", "NL", "BE", "AT", "CH", "PL", "CZ", "SK"]
    regions += ["HU", "RO", "BG", "GR", "GB", "IE", "US", "CA", "MX"]
    values |= {f"availability-{place}-region": region for place, region in enumerate(regions)}

    answer = root.post(page, {**values, "availability-TOTAL_FORMS": len(regions)})

    assert answer.status_code == 302
    movie = subject_of(admin.site._registry[Movie])
    assert sorted(movie.availability.values_list("region", flat=True)) == sorted(regions)


@pytest.mark.parametrize("count", ["arms-TOTAL_FORMS", "arms-INITIAL_FORMS"])
@pytest.mark.parametrize("claimed", ["-1", "-5", " -1", "-" + "9" * 20])
def test_fewer_lines_than_none_are_refused(root, count, claimed):
    page, values = form_of(root, Experiment)
    before = fingerprint()

    answer = root.post(page, {**values, count: claimed, "description": "Forged"})

    assert answer.status_code == 400
    assert changed(before, fingerprint()) == set()


@pytest.mark.parametrize("model", EDITED)
def test_hostile_values_in_all_fields_change_nothing(root, model):
    page, values = form_of(root, model)
    fields = [name for name in values if not name.endswith("_FORMS")]
    before = fingerprint()

    statuses = {text[:12]: root.post(page, {**values, **dict.fromkeys(fields, text)}).status_code for text in HOSTILE}

    assert set(statuses.values()) <= {200, 400}, statuses
    assert changed(before, fingerprint()) == set()

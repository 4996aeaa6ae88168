"""Hostile values in forms of the admin: each is refused in words, and changes nothing."""

import pytest
from django import forms
from django.contrib import admin
from django.test import Client, RequestFactory

from accounts.models import User
from movies.models import Movie
from movies.strict_json import StrictDecoder
from recommendations.curation.services import scenario_save
from recommendations.models import Scenario, ScenarioVersion
from recsys_project.staff_admin.numbers import id_typed
from tests.factories import make_movie, make_user

pytestmark = pytest.mark.django_db
LONG = "9" * 5_000
DEEP = "[" * 50_000 + "]" * 50_000


@pytest.fixture
def root() -> User:
    return make_user("root@x.org", is_staff=True, is_superuser=True)


@pytest.fixture
def desk(root) -> Client:
    client = Client(raise_request_exception=False)
    client.force_login(root)
    return client


@pytest.fixture
def scenario() -> Scenario:
    made = Scenario.objects.create(name="weekend")
    scenario_save(scenario=made, config={"places": 12})
    return made


@pytest.mark.parametrize(
    "config",
    [
        DEEP,
        '{"rows": ' + DEEP + "}",
        '{"places": ' + LONG + "}",
        '{"diversity": NaN}',
        '{"filters": {"language": "\\u0000"}}',
    ],
)
@pytest.mark.parametrize("page", ["{}/change/", "preview"])
def test_a_scenario_takes_no_json_that_cannot_be_stored(desk, scenario, config, page):
    address = f"/admin/recommendations/scenario/{page.format(scenario.pk)}"
    if page == "preview":
        address = f"/admin/recommendations/batchrecommendation/preview/scenario/?scenario={scenario.pk}"

    answer = desk.post(address, {"title": "Other", "description": "", "config": config, "note": ""})

    assert answer.status_code == 200
    assert "Enter a valid JSON." in answer.content.decode()
    assert ScenarioVersion.objects.get(scenario=scenario).config == {"places": 12}
    assert Scenario.objects.get(pk=scenario.pk).title == ""


def test_every_json_field_of_a_form_takes_only_what_can_be_stored(root):
    request = RequestFactory().get("/admin/")
    request.user = root
    found = {}
    for model_admin in admin.site._registry.values():
        if not model_admin.has_change_permission(request):
            continue
        made = [model_admin.get_form(request)]
        made += [inline.get_formset(request).form for inline in model_admin.get_inline_instances(request)]
        for form in made:
            for name, field in form.base_fields.items():
                if isinstance(field, forms.JSONField):
                    found[f"{model_admin.opts.label} {name}"] = field.decoder

    assert set(found.values()) == {StrictDecoder}, found


@pytest.mark.parametrize("number", [LONG, "²", "-1", "x", ""])
def test_a_scenario_publishes_no_version_of_a_senseless_number(desk, scenario, number):
    answer = desk.post(f"/admin/recommendations/scenario/{scenario.pk}/versions/", {"publish": number})

    assert answer.status_code == 404
    assert not ScenarioVersion.objects.filter(live=True).exists()


@pytest.mark.parametrize("number", [LONG, "²", "-1"])
def test_a_movie_has_no_change_of_a_senseless_number_to_undo(desk, number):
    movie = make_movie("Heat")

    answer = desk.post(f"/admin/movies/movie/{movie.pk}/undo/", {"change": number}, follow=True)

    assert answer.status_code == 200
    assert "Not undone." in answer.content.decode()
    assert Movie.objects.get(pk=movie.pk).title == "Heat"


@pytest.mark.parametrize("kind", ["rule", "scenario"])
def test_a_preview_of_a_senseless_number_is_a_404(desk, kind):
    page = f"/admin/recommendations/batchrecommendation/preview/{kind}/?{kind}={LONG}"

    assert desk.post(page, {}).status_code == 404


@pytest.mark.parametrize(("text", "number"), [("12", 12), (LONG, 0), ("٣", 0), ("²", 0), (" 1", 0), ("", 0)])
def test_an_id_is_ascii_digits_that_a_column_holds(text, number):
    assert id_typed(text) == number

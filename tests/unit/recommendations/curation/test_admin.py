"""Rules and scenarios in the admin: conflicts before saving, versions compared, published and rolled back."""

import pytest
from django.urls import reverse

from movies.models import Genre
from recommendations.admin import curation as curation_admin
from recommendations.admin.rule_summary import rule_does, rule_where
from recommendations.models import CuratedRow, CurationRule, Scenario
from tests.unit.recommendations.curation.rules import live_scenario, make_rule

ADD = reverse("admin:recommendations_curationrule_add")


def form(*movies, **fields):
    return {"kind": "pin", "reason": "Why", "priority": 0, "enabled": "on", "films": [m.pk for m in movies], **fields}


@pytest.fixture
def staff(cast, client):
    client.force_login(cast.stan)
    return client


def test_a_rule_keeps_the_order_of_its_movies(cast, staff):
    response = staff.post(ADD, form(cast["Babe"], cast["Alien"], place=2))

    assert response.status_code == 302, response.context["errors"]
    rule = CurationRule.objects.get()
    assert list(rule.entries.values_list("movie__title", flat=True)) == ["Babe", "Alien"]
    assert rule.created_by == cast.stan


def test_conflicts_are_shown_before_saving(cast, staff):
    first = make_rule("pin", cast["Heat"], place=1)

    serious = staff.post(ADD, form(cast["Babe"], place=1))
    asked = staff.post(ADD, form(cast["Babe"], place=1, priority=5))
    confirmed = staff.post(ADD, form(cast["Babe"], place=1, priority=5, confirmed="on"))

    assert "give one a higher priority" in serious.content.decode()
    for page in (serious, asked):
        assert f"#{first.pk} pin" in page.content.decode()
    assert confirmed.status_code == 302
    assert CurationRule.objects.count() == 2


def test_what_is_wrong_is_shown_at_its_field(cast, staff):
    page = staff.post(ADD, form(cast["Babe"]))

    assert "place" in page.context["adminform"].form.errors
    assert not CurationRule.objects.exists()


def test_rules_are_ended_from_the_list(cast, staff):
    rule = make_rule("pin", cast["Heat"], place=1)
    page = reverse("admin:recommendations_curationrule_changelist")

    staff.post(page, {"action": "end", "_selected_action": [rule.pk]})

    rule.refresh_from_db()
    assert rule.ends_at is not None


def test_a_row_is_saved_with_its_movies(cast, staff):
    page = reverse("admin:recommendations_curatedrow_add")

    staff.post(page, {"name": "classics", "title": "Classics", "films": [cast["Heat"].pk]})

    assert list(CuratedRow.objects.get().entries.values_list("movie__title", flat=True)) == ["Heat"]


def test_a_changed_configuration_is_a_version_to_publish(cast, staff):
    live_scenario(places=5)
    scenario = Scenario.objects.get()
    page = reverse("admin:recommendations_scenario_change", args=[scenario.pk])
    versions = reverse("admin:recommendations_scenario_versions", args=[scenario.pk])

    staff.post(page, {"title": "", "description": "", "config": '{"places": 7}', "note": "More"})
    shown = staff.get(versions).content.decode()
    assert scenario.versions.get(live=True).number == 1
    staff.post(versions, {"publish": "2"})
    assert scenario.versions.get(live=True).number == 2
    staff.post(versions, {"rollback": "1"})

    assert "<code>places</code>: 5 → 7" in shown
    assert scenario.versions.get(live=True).number == 1


def test_a_configuration_that_cannot_be_read_is_refused(cast, staff):
    page = reverse("admin:recommendations_scenario_add")

    answer = staff.post(page, {"name": "home", "config": '{"place": 7}'})

    assert "place" in answer.content.decode()
    assert not Scenario.objects.exists()


@pytest.mark.parametrize("forged", [{"scenario": "x"}, {"films": ["x"]}, {"genre": "\x00"}, {"films": ["9" * 40]}])
def test_a_forged_choice_is_named(cast, staff, forged):
    page = staff.post(ADD, form(cast["Heat"], place=1, **forged))

    assert page.status_code == 200
    assert set(page.context["adminform"].form.errors) == set(forged)
    assert not CurationRule.objects.exists()


def test_the_button_saves_in_spite_of_conflicts(cast, staff):
    make_rule("pin", cast["Heat"], place=1)

    acceptable = staff.post(ADD, form(cast["Babe"], place=1, priority=5)).content.decode()
    serious = staff.post(ADD, form(cast["Babe"], place=1)).content.decode()

    assert 'name="confirmed" value="on"' in acceptable
    assert 'name="confirmed"' not in serious
    assert "Conflicts that prevent saving" in serious


def test_each_version_of_a_scenario_can_be_previewed(cast, staff):
    live_scenario(places=5)

    page = staff.get(reverse("admin:recommendations_scenario_versions", args=[Scenario.objects.get().pk]))

    assert "?scenario=home&amp;scenario_version=1" in page.content.decode()


def test_a_scenario_without_versions_says_so(cast, staff):
    scenario = Scenario.objects.create(name="after", title="After watching")
    page = staff.get(reverse("admin:recommendations_scenario_versions", args=[scenario.pk]))

    assert page.status_code == 200
    assert "There are none" in page.text
    assert 'name="rollback"' not in page.text


def test_a_conflict_that_comes_while_saving_is_said(cast, staff, monkeypatch):
    """The form finds none; another rule is saved before this one is."""
    first = make_rule("pin", cast["Heat"], place=1)
    monkeypatch.setattr(curation_admin, "rule_conflicts", lambda *args, **options: [])

    page = staff.post(ADD, form(cast["Babe"], place=1), follow=True)

    assert "Nothing is saved." in page.text
    assert f"#{first.pk} pin" in page.text
    assert list(CurationRule.objects.all()) == [first]


def test_the_list_says_what_each_rule_does(cast, staff):
    make_rule("pin", *(cast[title] for title in ("Babe", "Alien", "Heat", "Casino")), place=2, country="SE")
    make_rule("boost", genre=Genre.objects.get(name="Crime"), weight=1.5)
    make_rule("block", cast["Aladdin"])
    shown = staff.get(reverse("admin:recommendations_curationrule_changelist"))

    lines = [(rule_does(rule), rule_where(rule)) for rule in shown.context["cl"].result_list.order_by("pk")]
    assert lines == [
        ("Babe, Alien, Heat and more at place 2", "SE"),
        ("all movies of Crime, times 1.5", "genre Crime"),
        ("Aladdin", "everywhere"),
    ]
    assert "Babe, Alien, Heat and more at place 2" in shown.content.decode()


def test_a_configuration_is_shown_line_by_line(cast, staff):
    live_scenario(places=5, filters={"genres": ["crime"]})
    page = reverse("admin:recommendations_scenario_change", args=[Scenario.objects.get().pk])

    shown = staff.get(page).context["adminform"].form["config"].value()
    wrong = staff.post(page, {"config": '{"places": '}).content.decode()

    assert shown == '{\n  "places": 5,\n  "filters": {\n    "genres": [\n      "crime"\n    ]\n  }\n}'
    assert "{&quot;places&quot;: </textarea>" in wrong

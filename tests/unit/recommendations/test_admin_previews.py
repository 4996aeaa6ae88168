"""Previews in the admin: a person's list, drafts of rules and scenarios, other versions, audiences and neighbours."""

import pytest
from django.contrib.auth.models import Permission
from django.core.cache import cache
from django.test import Client
from django.urls import reverse

from events.models import Interaction, Rating
from recommendations.models import CurationRule, Scenario, ScenarioVersion
from recommendations.serving import list_cache
from tests.factories import make_batch_list, make_embedding, make_user, make_version
from tests.served import served_lists
from tests.unit.recommendations.curation.rules import live_scenario, make_rule

LIST = reverse("admin:recommendations_preview")
RULE = reverse("admin:recommendations_preview_rule")
SCENARIO = reverse("admin:recommendations_preview_scenario")
AUDIENCE = reverse("admin:recommendations_preview_audience")
NEIGHBOURS = reverse("admin:recommendations_preview_neighbours")


@pytest.fixture
def staff(cast) -> Client:
    client = Client()
    client.force_login(cast.stan)
    return client


def draft(*movies, **fields):
    return {"kind": "pin", "reason": "Why", "priority": 0, "enabled": "on", "films": [m.pk for m in movies], **fields}


def titles(page, column=0):
    return [item.movie["title"] for item, _ in page.context["columns"][column]["items"]]


def marks(page, column=1):
    return {item.movie["title"]: mark and mark.text for item, mark in page.context["columns"][column]["items"]}


def test_a_list_is_shown_with_its_explanation(cast, staff):
    Interaction.objects.create(user=cast.alice, movie=cast["Alien"], kind="like")

    page = staff.get(LIST, {"user": cast.alice.pk})

    text = page.content.decode()
    assert titles(page)[0] == "Heat"
    assert "Alien" not in titles(page)
    assert "Score 0." in text
    assert "Lifted by Alien (like)" in text
    assert f"<th>Model version</th><td>{cast.version.pk}" in text


def test_nothing_of_a_preview_is_logged_or_cached(cast, staff):
    keys = set(cache.keys("*list*"))

    staff.get(LIST, {"user": cast.alice.pk})
    staff.post(RULE, draft(cast["Babe"], place=1, **{"preview-user": cast.alice.pk}))

    assert not served_lists().exists()
    assert set(cache.keys("*list*")) == keys
    assert list_cache.lookup(cast.alice.pk, page=list_cache.FirstPage(20, ""), scenario="home").rendered is None


def test_a_draft_rule_is_shown_side_by_side(cast, staff):
    page = staff.post(RULE, draft(cast["Aladdin"], place=1, **{"preview-user": cast.alice.pk}))

    before, after = titles(page), titles(page, 1)
    assert before[0] == "Heat"
    assert after[0] == "Aladdin"
    assert marks(page)["Aladdin"].startswith("up from")
    assert "pin, this draft" in page.content.decode()
    assert not CurationRule.objects.exists()


def test_a_blocked_movie_is_marked_as_gone(cast, staff):
    page = staff.post(RULE, draft(cast["Heat"], kind="block", **{"preview-user": cast.alice.pk}))

    assert marks(page, 0)["Heat"] == "gone"
    assert "Heat" not in titles(page, 1)


def test_a_draft_waits_for_a_person(cast, staff):
    page = staff.post(RULE, draft(cast["Aladdin"], place=1))

    assert "columns" not in page.context
    assert ("films", str(cast["Aladdin"].pk)) in page.context["hidden"]
    assert ("place", "1") in page.context["hidden"]


def test_the_last_person_is_previewed_again(cast, staff):
    staff.get(LIST, {"user": cast.alice.pk})

    page = staff.post(RULE, draft(cast["Aladdin"], place=1))

    assert titles(page, 1)[0] == "Aladdin"


def test_an_edited_rule_replaces_the_saved_one(cast, staff):
    rule = make_rule("pin", cast["Aladdin"], place=1)

    page = staff.post(f"{RULE}?rule={rule.pk}", draft(cast["Babe"], place=1, **{"preview-user": cast.alice.pk}))

    assert (titles(page)[0], titles(page, 1)[0]) == ("Aladdin", "Babe")
    assert list(rule.entries.values_list("movie__title", flat=True)) == ["Aladdin"]


def test_a_preview_shows_conflicts_and_goes_on(cast, staff):
    rule = make_rule("pin", cast["Heat"], place=1)

    page = staff.post(RULE, draft(cast["Heat"], kind="block", **{"preview-user": cast.alice.pk}))

    assert "Conflicts that prevent saving" in page.content.decode()
    assert f"#{rule.pk} pin" in page.content.decode()
    assert "Heat" not in titles(page, 1)


def test_a_draft_with_errors_names_them(cast, staff):
    page = staff.post(RULE, draft(cast["Heat"], **{"preview-user": cast.alice.pk}))

    assert "A pin has either a place or a share" in page.content.decode()
    assert "columns" not in page.context


def test_a_rule_of_a_genre_is_tried_in_lists_of_it(cast, staff):
    genre = cast["Babe"].genres.get()

    page = staff.post(RULE, draft(cast["Babe"], place=1, genre=genre.pk, **{"preview-user": cast.alice.pk}))

    assert titles(page, 1)[0] == "Babe"
    assert set(titles(page)) == {"Toy Story", "Babe", "Aladdin"}


def test_a_draft_configuration_is_tried(cast, staff):
    live_scenario(places=5)
    home = Scenario.objects.get()
    config = '{"filters": {"genres": ["sci-fi"]}}'

    page = staff.post(f"{SCENARIO}?scenario={home.pk}", {"config": config, "preview-user": cast.alice.pk})

    assert set(titles(page, 1)) == {"Alien", "Aliens", "Blade Runner"}
    assert titles(page)[0] == "Heat"
    assert ScenarioVersion.objects.count() == 1


def test_a_new_scenario_is_compared_with_home(cast, staff):
    page = staff.post(SCENARIO, {"name": "late", "config": "{}", "preview-user": cast.alice.pk})

    assert "late is not live yet" in page.content.decode()
    assert page.context["columns"][1]["about"]["scenario"]["name"] == "late"
    assert not Scenario.objects.exists()


def test_a_saved_version_of_a_scenario_is_tried(cast, staff):
    live_scenario(places=5)
    live_scenario(filters={"genres": ["family"]})
    live_scenario(places=5)

    page = staff.get(LIST, {"user": cast.alice.pk, "scenario": "home", "scenario_version": 2})

    assert page.context["columns"][1]["name"] == "Version 2"
    assert set(titles(page, 1)) == {"Toy Story", "Babe", "Aladdin"}


def test_two_model_versions_are_compared(cast, staff):
    other = make_version("retired")
    for title in ("Babe", "Alien"):
        make_embedding(other, cast[title], [1.0])
    make_batch_list(other, cast.alice, {cast["Babe"]: 0.9, cast["Alien"]: 0.1})
    gone = make_version("retired")

    page = staff.get(LIST, {"user": cast.alice.pk, "model": other.pk})
    refused = staff.get(LIST, {"user": cast.alice.pk, "model": gone.pk})

    assert (titles(page)[0], titles(page, 1)[0]) == ("Heat", "Babe")
    assert "model" in refused.context["form"].errors
    assert "columns" not in refused.context


@pytest.mark.parametrize("user", ["x", "999999", "1e999", "\x00", "-1", "9" * 40])
def test_an_unknown_person_is_named(cast, staff, user):
    page = staff.get(LIST, {"user": user})

    assert page.status_code == 200
    assert "user" in page.context["form"].errors


def test_a_movies_audience_is_masked(cast, staff):
    Rating.objects.create(user=cast.alice, movie=cast["Casino"], value=5)

    text = staff.get(AUDIENCE, {"movie": cast["Heat"].pk}).content.decode()

    assert "a…@example.org" in text
    assert "alice@" not in text
    assert f"<th>{cast.alice.pk}</th>" in text


def test_neighbours_are_shown_with_what_connects_them(cast, staff):
    text = staff.get(NEIGHBOURS, {"movie": cast["Heat"].pk}).content.decode()

    assert "Casino (1991)" in text
    assert "<td>Crime</td>" in text
    assert staff.get(NEIGHBOURS, {"movie": "x"}).status_code == 200


@pytest.mark.parametrize("page", [LIST, RULE, SCENARIO, AUDIENCE, NEIGHBOURS])
def test_previews_need_the_right_to_view_lists(cast, page):
    clerk, client = make_user(is_staff=True), Client()
    client.force_login(clerk)

    assert client.get(page).status_code == 403
    assert client.post(page).status_code == 403

    clerk.user_permissions.add(Permission.objects.get(codename="preview_lists"))
    assert client.get(page).status_code in (200, 302)


def test_a_draft_needs_the_right_to_change_rules(cast):
    clerk, client = make_user(is_staff=True), Client()
    clerk.user_permissions.add(Permission.objects.get(codename="preview_lists"))
    client.force_login(clerk)

    assert client.post(RULE, draft(cast["Heat"], place=1)).status_code == 403
    # Without the right to view people, they are chosen by id.
    page = client.get(LIST, {"user": cast.alice.pk})
    assert titles(page)[0] == "Heat"
    assert "alice@example.org" not in page.content.decode()


def test_a_movie_leads_to_its_previews(cast, staff):
    heat = cast["Heat"]
    links = {f"{page}?movie={heat.pk}" for page in (AUDIENCE, NEIGHBOURS)}

    page = staff.get(f"/admin/movies/movie/{heat.pk}/change/").content.decode()

    assert all(f'href="{link}"' in page for link in links)
    assert "movie-previews" not in staff.get("/admin/movies/movie/add/").content.decode()


def test_a_movie_hides_previews_from_who_may_not_open_them(cast):
    analyst = make_user(is_staff=True)
    analyst.user_permissions.set(Permission.objects.filter(codename="view_movie"))
    client = Client()
    client.force_login(analyst)

    page = client.get(f"/admin/movies/movie/{cast['Heat'].pk}/change/")

    assert page.status_code == 200
    assert "movie-previews" not in page.content.decode()

"""Pages that ask before they act have one design: what happens, fields, a button, and the way back."""

import pytest
from django.test import Client
from django.urls import reverse

from accounts.clients.scopes import Scope
from accounts.clients.services import client_get_or_create, key_create
from tests.factories import make_movie, make_version
from tests.unit.movies.merging.rows import merge
from tests.unit.recommendations.experiments.factories import draft

MOVIES = "admin:movies_movie_changelist"


@pytest.fixture
def staff(cast) -> Client:
    client = Client()
    client.force_login(cast.stan)
    return client


def action(cast, name: str) -> tuple[str, dict]:
    return reverse(MOVIES), {"action": name, "_selected_action": [cast["Heat"].pk]}


def decision(cast, name: str) -> tuple[str, dict]:
    chosen = make_version("retired").pk
    return reverse("admin:recommendations_modelversion_changelist"), {"action": name, "_selected_action": [chosen]}


def merging(cast) -> tuple[str, dict]:
    return f"{reverse('admin:movies_movie_merge')}?duplicate={make_movie().pk}&target={cast['Heat'].pk}", {}


def rotating(cast) -> tuple[str, dict]:
    key, _ = key_create(client=client_get_or_create(name="shop"), scopes=[Scope.CATALOGUE_READ])
    return reverse("admin:accounts_clientkey_rotate", args=[key.pk]), {}


PAGES = {
    "merge-movies": merging,
    "undo-merge": lambda cast: (f"/admin/movies/moviemerge/{merge(make_movie(), cast['Heat']).pk}/undo/", {}),
    "delete-movies": lambda cast: (reverse("admin:movies_movie_delete", args=[cast["Heat"].pk]), {}),
    "set-availability": lambda cast: action(cast, "set_availability"),
    "tag-form": lambda cast: action(cast, "tag_selected"),
    "decision": lambda cast: decision(cast, "make_live"),
    "experiment-state": lambda cast: (reverse("admin:recommendations_experiment_results", args=[draft().pk]), {}),
    "key-rotate": rotating,
    "person-request": lambda cast: (reverse("admin:accounts_user_export", args=[cast.bob.pk]), {}),
}


@pytest.mark.parametrize("form_id", PAGES)
def test_each_page_is_of_the_one_design(cast, staff, form_id):
    url, posted = PAGES[form_id](cast)

    page = staff.post(url, posted) if posted else staff.get(url)

    assert "admin/confirm_form.html" in {template.name for template in page.templates}
    shown = page.context["page"]
    assert shown.form_id == form_id
    assert shown.consequences
    assert f'<form method="post" id="{form_id}" class="panel confirm">' in page.text
    assert f'<a href="{shown.back.replace("&", "&amp;")}">{shown.back_text}</a>' in page.text
    assert shown.act in page.text


def test_an_action_is_sent_again_on_the_selected_rows(cast, staff):
    url, posted = action(cast, "tag_selected")

    hidden = dict(staff.post(url, posted | {"select_across": "1"}).context["page"].hidden)

    assert hidden == {
        "_selected_action": str(cast["Heat"].pk),
        "select_across": "1",
        "action": "tag_selected",
        "index": "0",
        "apply": "1",
    }


def test_days_can_be_chosen_with_the_mouse(cast, staff):
    url, posted = action(cast, "set_availability")

    scripts = staff.post(url, posted).text.split("<script")

    catalogue = next(place for place, script in enumerate(scripts) if reverse("admin:jsi18n") in script)
    assert catalogue < next(place for place, script in enumerate(scripts) if "DateTimeShortcuts" in script)

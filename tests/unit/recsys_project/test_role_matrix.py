"""Each role of staff against each page and action of the admin."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.auth.models import Group
from django.test import Client, RequestFactory
from django.urls import NoReverseMatch, resolve, reverse

from accounts.models import User
from accounts.staff.roles import Role
from tests.factories import make_user
from tests.unit.recsys_project.role_matrix import ACTIONS, MODELS, PAGES
from tests.unit.recsys_project.test_query_counts import full_tables  # noqa: F401 -- a fixture.

pytestmark = pytest.mark.django_db
NOBODY = "nobody"
WHO = [*Role, NOBODY]
_OWN_PAGES = ("changelist", "add", "history", "delete", "change")


@pytest.fixture
def staff() -> dict[str, User]:
    """One member of staff for each role, and one without any."""
    made = {who: make_user(f"{who}.of.matrix@x.org", is_staff=True) for who in WHO}
    for role in Role:
        made[role].groups.add(Group.objects.get(name=role))
    return made


def request_of(user: User, page: str) -> Any:
    request = RequestFactory().get(page)
    request.user = User.objects.get(pk=user.pk)
    request.resolver_match = resolve(page)
    return request


def lists() -> Iterator[tuple[Any, str]]:
    for model_admin in admin.site._registry.values():
        opts = model_admin.opts
        yield model_admin, reverse(f"admin:{opts.app_label}_{opts.model_name}_changelist")


def pages() -> Iterator[tuple[Any, str]]:
    """The names of pages that a model's admin has beside Django's."""
    for model_admin in admin.site._registry.values():
        own = {f"{model_admin.opts.app_label}_{model_admin.opts.model_name}_{name}" for name in _OWN_PAGES}
        for pattern in model_admin.get_urls():
            if pattern.name and pattern.name not in own:
                yield model_admin, pattern.name


def test_each_role_sees_adds_changes_and_deletes_what_the_matrix_says(staff):
    found: dict[str, dict[str, str]] = {}
    for model_admin, page in lists():
        rights = {}
        for who in WHO:
            request = request_of(staff[who], page)
            checks = {
                "v": model_admin.has_view_permission(request),
                "a": model_admin.has_add_permission(request),
                "c": model_admin.has_change_permission(request),
                "d": model_admin.has_delete_permission(request),
            }
            rights[who] = "".join(letter for letter, allowed in checks.items() if allowed)
        found[model_admin.opts.label] = {who: letters for who, letters in rights.items() if letters}

    assert found == MODELS


def test_each_role_has_the_actions_that_the_matrix_says(staff):
    found: dict[str, set[str]] = {}
    for model_admin, page in lists():
        for who in WHO:
            for action in model_admin.get_actions(request_of(staff[who], page)):
                if action == "delete_selected":
                    assert "d" in MODELS[model_admin.opts.label].get(who, ""), (model_admin.opts.label, who)
                    continue
                found.setdefault(f"{model_admin.opts.label} {action}", set()).add(who)

    assert found == ACTIONS


@pytest.mark.usefixtures("full_tables")
@pytest.mark.parametrize("who", WHO)
def test_each_list_opens_for_the_roles_that_see_it_alone(staff, who):
    client = Client()
    client.force_login(staff[who])

    opened = {}
    for model_admin, page in lists():
        statuses = {client.get(page).status_code, client.get(f"{page}add/").status_code}
        opened[model_admin.opts.label] = statuses

    for label, statuses in opened.items():
        letters = MODELS[label].get(who, "")
        assert statuses <= {200, 403}, label
        assert (200 in statuses) is bool(letters), label
        assert (403 in statuses) is not ("v" in letters and "a" in letters), label


@pytest.mark.usefixtures("full_tables")
@pytest.mark.parametrize("who", WHO)
def test_each_other_page_opens_for_the_roles_of_its_row_alone(staff, who):
    client = Client()
    client.force_login(staff[who])
    found = {}
    for model_admin, name in pages():
        rows = model_admin.model._default_manager.order_by("pk")
        row = rows.filter(is_staff=False).first() if model_admin.model is User else rows.first()
        assert name in PAGES, f"{name} has no row in role_matrix.PAGES."
        try:
            page = reverse(f"admin:{name}")
        except NoReverseMatch:
            page = reverse(f"admin:{name}", args=[row.pk])
        answer = client.get(page)
        # Some pages only answer to a form.
        found[name] = (client.post(page) if answer.status_code in (302, 405) else answer).status_code != 403

    assert found == {name: who in roles for name, roles in PAGES.items()}

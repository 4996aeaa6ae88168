"""The sidebar has every page that a person may open, and no other."""

import pytest
from django.contrib import admin
from django.contrib.auth.models import Permission
from django.test import RequestFactory

from recsys_project.staff.navigation import GROUPS, navigation
from tests.factories import make_user

pytestmark = pytest.mark.django_db
PREVIEWS = "/admin/recommendations/batchrecommendation/preview/"


def links(user) -> dict[str, set[str]]:
    request = RequestFactory().get("/admin/")
    request.user = user
    return {group["title"]: {item["link"] for item in group["items"]} for group in navigation(request)}


def test_every_page_is_in_it():
    found = set().union(*links(make_user(is_staff=True, is_superuser=True)).values())

    pages = {f"/admin/{model._meta.app_label}/{model._meta.model_name}/" for model in admin.site._registry}
    assert pages | {"/admin/", "/admin/readiness/", PREVIEWS} == found


def test_groups_name_models_that_have_a_page():
    labels = {model._meta.label_lower for model in admin.site._registry}

    assert {label for models in GROUPS.values() for label in models} <= labels


def test_it_has_only_what_one_may_open():
    staff = make_user(is_staff=True)
    staff.user_permissions.set(Permission.objects.filter(codename="view_curationrule"))

    assert links(staff) == {"": {"/admin/"}, "Curation": {"/admin/recommendations/curationrule/"}}


def test_who_may_preview_lists_finds_the_previews():
    staff = make_user(is_staff=True)
    staff.user_permissions.set(Permission.objects.filter(codename="preview_lists"))

    assert links(staff) == {"": {"/admin/"}, "Curation": {PREVIEWS}}

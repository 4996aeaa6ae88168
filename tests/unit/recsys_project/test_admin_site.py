"""Forms of the admin that no page of it made."""

import pytest
from django.contrib import admin
from django.contrib.auth.models import Permission
from django.test import Client

from accounts.models import User
from tests.factories import make_user

pytestmark = pytest.mark.django_db
PAGES = [f"/admin/{model._meta.app_label}/{model._meta.model_name}/" for model in admin.site._registry]


@pytest.fixture
def desk() -> Client:
    client = Client(raise_request_exception=False)
    client.force_login(make_user("root@x.org", is_staff=True, is_superuser=True))
    return client


@pytest.mark.parametrize("page", PAGES)
def test_a_selected_row_that_is_no_key_is_a_400(desk, page):
    action = {"action": "delete_selected", "_selected_action": ["x", "1"], "post": "yes"}
    assert desk.post(page, action).status_code in (400, 403)
    assert User.objects.exists()


@pytest.mark.parametrize("page", PAGES)
def test_a_popup_for_no_field_is_a_400(desk, page):
    given = {"_popup": "1", "_to_field": ""}
    assert desk.post(f"{page}add/", given).status_code in (400, 403)
    assert desk.get(f"{page}add/", given).status_code in (400, 403)


@pytest.mark.parametrize("page", PAGES)
def test_a_form_opened_with_senseless_values_is_no_500(desk, page):
    fields = {field.name: "a" for model in admin.site._registry for field in model._meta.fields}
    assert desk.get(f"{page}add/", fields).status_code in (200, 400, 403)


@pytest.mark.parametrize("year", ["0", "-1", "99999", "a", "9" * 30])
def test_a_year_that_no_date_has_is_a_400(desk, year):
    for page in ("/admin/accounts/client/", "/admin/movies/movie/"):
        assert desk.get(page, {"created_at__year": year}).status_code == 400
        assert desk.get(page, {"created_at__year__gt": year, "o": "1"}).status_code == 400
        assert desk.get(page, {"created_at__year": "2024"}).status_code == 200


@pytest.mark.parametrize(("permissions", "shown"), [(["add_rating"], False), (["add_rating", "view_user"], True)])
def test_only_who_may_view_people_reads_their_address(permissions, shown):
    staff, ada = make_user("staff@x.org", is_staff=True), make_user("ada@example.org")
    staff.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    client = Client()
    client.force_login(staff)

    page = client.get("/admin/events/rating/add/", {"user": ada.pk})

    assert page.status_code == 200
    assert ("ada@example.org" in page.content.decode()) is shown

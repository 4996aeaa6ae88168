"""The admin's search field for pages."""

import pytest
from django.contrib.auth.models import Permission
from django.test import Client

from tests.factories import make_user

pytestmark = pytest.mark.django_db
SEARCH = "/admin/search/"


@pytest.fixture
def desk() -> Client:
    client = Client()
    client.force_login(make_user("root@x.org", is_staff=True, is_superuser=True))
    return client


def test_pages_are_found_by_parts_of_their_names(desk):
    page = desk.get(SEARCH, {"s": "served rec", "extended": "1"}).content.decode()

    assert "/admin/events/servedrecommendation/" in page
    assert "/admin/movies/movie/" not in page


@pytest.mark.parametrize("given", [{}, {"s": ""}, {"s": "x" * 5000}, {"s": "a\x00", "page": "x"}, {"s": "%"}])
def test_no_search_is_an_error(desk, given):
    for extended in ({}, {"extended": "1"}):
        assert desk.get(SEARCH, given | extended).status_code == 200


def test_only_pages_that_one_may_open_are_found():
    staff = make_user("staff@x.org", is_staff=True)
    staff.user_permissions.set(Permission.objects.filter(codename="view_genre"))
    client = Client()
    client.force_login(staff)

    page = client.get(SEARCH, {"s": "s"}).content.decode()

    assert "/admin/movies/genre/" in page
    assert "/admin/accounts/user/" not in page


def test_nobody_searches_without_signing_in():
    assert Client().get(SEARCH, {"s": "users"}).status_code == 302

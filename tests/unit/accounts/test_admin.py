"""People in the admin."""

import pytest
from django.test import Client

from accounts.models import User
from tests.factories import make_imported_user, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def staff() -> Client:
    client = Client()
    client.force_login(make_user("root@x.org", is_staff=True, is_superuser=True))
    return client


def test_people_are_listed_searched_and_filtered_by_origin(staff):
    make_user("ada@x.org")
    imported = make_imported_user("ml-test", 42)

    found = staff.get("/admin/accounts/user/", {"q": "ada"}).content.decode()
    from_data = staff.get("/admin/accounts/user/", {"origin": "imported"}).content.decode()

    assert "ada@x.org" in found
    assert str(imported) not in found
    assert str(imported) in from_data
    assert "ada@x.org" not in from_data


def test_a_person_is_added_with_a_lower_case_address(staff):
    data = {
        "email": "Bob@X.org",
        "display_name": "Bob",
        "password1": "a long enough one",
        "password2": "a long enough one",
    }

    response = staff.post("/admin/accounts/user/add/", data)

    assert response.status_code == 302
    assert User.objects.get(display_name="Bob").email == "bob@x.org"


def test_an_imported_person_is_edited_without_an_address(staff):
    one, other = make_imported_user("ml-test", 1), make_imported_user("ml-test", 2)

    for person in (one, other):
        data = {"email": "", "display_name": f"number {person.dataset_user_id}", "is_active": "on"}
        assert staff.post(f"/admin/accounts/user/{person.pk}/change/", data).status_code == 302

    other.refresh_from_db()
    assert (other.email, other.display_name, other.dataset_user_id) == (None, "number 2", 2)


def test_an_imported_person_gets_no_address(staff):
    person = make_imported_user("ml-100k", 7)

    staff.post(f"/admin/accounts/user/{person.pk}/change/", {"email": "taken@example.org", "is_active": "on"})

    person.refresh_from_db()
    assert person.email is None

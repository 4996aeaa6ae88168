"""What someone sees who opens the site in a browser."""

import pytest
from django.contrib import admin

from tests.factories import make_user

# Every text of every model in the admin, by which its list can be narrowed.
TEXTS = [
    f"/admin/{model._meta.app_label}/{model._meta.model_name}/?{field.name}="
    for model in admin.site._registry
    for field in model._meta.fields
    if field.get_internal_type() in ("CharField", "TextField", "EmailField")
]


def test_the_root_leads_to_the_apis_page(client):
    response = client.get("/")
    assert response.status_code == 302
    assert response["Location"] == "/api/docs/"


def test_an_unknown_page_is_html_and_an_unknown_api_path_json(client):
    page = client.get("/nowhere/")
    assert page.status_code == 404
    assert "Page not found" in page.content.decode()

    api = client.get("/api/nowhere/")
    assert api.status_code == 404
    assert api.json()["error"]["code"] == "not_found"


def test_a_crash_outside_the_api_is_a_page_without_details(client, monkeypatch):
    client.raise_request_exception = False
    monkeypatch.setattr("django.views.generic.RedirectView.get_redirect_url", lambda *args, **kwargs: 1 / 0)

    response = client.get("/")

    assert response.status_code == 500
    assert "Something went wrong on our side" in response.content.decode()
    assert "ZeroDivisionError" not in response.content.decode()


@pytest.mark.django_db
def test_a_filter_that_no_text_can_be_is_a_bad_request(client):
    client.raise_request_exception = False
    client.force_login(make_user("root@x.org", is_staff=True, is_superuser=True))

    statuses = {address: client.get(f"{address}a%00b").status_code for address in TEXTS}

    assert len(statuses) > 30
    # 302 where a filter of the page's own has its word for what it does not know.
    assert {address: status for address, status in statuses.items() if status not in (302, 400)} == {}

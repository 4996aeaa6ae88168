"""What someone sees who opens the site in a browser."""


def test_the_root_leads_to_the_apis_page(client):
    response = client.get("/")
    assert response.status_code == 302
    assert response["Location"] == "/api/docs/"


def test_an_unknown_page_says_so_in_html_and_an_unknown_api_address_in_json(client):
    page = client.get("/nowhere/")
    assert page.status_code == 404
    assert "There is nothing at this address" in page.content.decode()

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

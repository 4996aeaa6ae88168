"""Every error under /api/ has the one shape."""

import pytest
from django.test import Client

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.unit.recsys_project.urls_that_fail")]

STATUSES = {
    "crash": (500, "internal_error"),
    "database-away": (503, "service_unavailable"),
    "redis-away": (503, "service_unavailable"),
    "hashing": (503, "service_unavailable"),
}


@pytest.fixture
def browser() -> Client:
    return Client(raise_request_exception=False)


def error_of(response, status: int) -> dict:
    assert response.status_code == status
    assert response["Content-Type"] == "application/json"
    body = response.json()
    assert set(body) == {"error"}
    assert set(body["error"]) == {"code", "message", "fields", "request_id"}
    assert body["error"]["request_id"] == response["X-Request-ID"] != ""
    return body["error"]


@pytest.mark.parametrize("views", ["rest", "plain"])
@pytest.mark.parametrize("kind", STATUSES)
def test_a_failure_advises_the_client_and_hides_internals(browser, views, kind):
    status, code = STATUSES[kind]

    response = browser.get(f"/api/{views}/{kind}/")

    assert error_of(response, status)["code"] == code
    assert ("Retry-After" in response) == (status == 503)
    for secret in ("secret", "refused", "Traceback", "RuntimeError"):
        assert secret not in response.content.decode()


@pytest.mark.parametrize("debug", [True, False])
def test_a_crash_has_the_shape_also_while_debugging(browser, settings, debug):
    settings.DEBUG = debug

    assert error_of(browser.get("/api/plain/crash/"), 500)["code"] == "internal_error"
    assert error_of(browser.get("/api/nowhere/"), 404)["code"] == "not_found"


@pytest.mark.parametrize(
    ("kind", "status", "code"),
    [
        ("data", 400, "bad_request"),
        ("suspicious", 400, "bad_request"),
        ("integrity", 409, "conflict"),
        ("denied", 403, "permission_denied"),
    ],
)
def test_a_bad_request_is_never_a_crash(browser, kind, status, code):
    assert error_of(browser.get(f"/api/rest/{kind}/"), status)["code"] == code


def test_validation_names_fields_however_it_was_raised(browser):
    named = error_of(browser.get("/api/rest/invalid/"), 400)
    general = error_of(browser.get("/api/rest/invalid-general/"), 400)
    surrogate = error_of(browser.get("/api/rest/invalid-surrogate/"), 400)
    nested = error_of(browser.get("/api/rest/invalid-nested/"), 400)

    assert named["fields"] == {"movie": ["There is no movie 7."]}
    assert general["fields"] == {"non_field_errors": ["Nothing fits."]}
    assert surrogate["fields"] == {"kind\\ud800": ["\\ud800 is no kind."]}
    assert general["message"] == "Nothing fits."
    assert nested["fields"] == {"events.1.movie": ["Unknown."]}
    assert {error["code"] for error in (named, general, nested)} == {"validation_error"}


def test_an_answer_tells_twenty_errors_and_counts_the_rest(browser):
    many = error_of(browser.get("/api/rest/invalid-many/"), 400)
    general = error_of(browser.get("/api/rest/invalid-general-and-many/"), 400)

    assert list(many["fields"]) == [f"ids.{n}" for n in range(20)]
    assert many["message"].startswith("Not valid: ids.0, ids.1, ")
    assert many["message"].endswith(" 980 more errors are left out.")
    assert general["fields"] == {"non_field_errors": ["Nothing fits."] * 20}
    assert general["message"] == "Nothing fits. 980 more errors are left out."


def test_what_was_sent_is_not_echoed_whole(browser):
    for kind in ("invalid-long", "long"):
        response = browser.get(f"/api/rest/{kind}/")
        assert len(response.content) < 1500
        assert "…" in error_of(response, 400)["message"]


def test_an_unknown_address_a_method_a_type_and_broken_json(browser):
    assert error_of(browser.get("/api/nowhere/"), 404)["code"] == "not_found"
    assert error_of(browser.delete("/api/auth/token/"), 405)["code"] == "method_not_allowed"
    text = browser.post("/api/auth/register/", "x", content_type="text/plain")
    assert error_of(text, 415)["code"] == "unsupported_media_type"
    assert error_of(text, 415)["message"] == "Send the body as application/json, with this Content-Type."
    for broken in (b"{", b"[" * 30_000, b"\xff\xfe", b'{"a": NaN}', b"1" * 5000):
        response = browser.post("/api/auth/register/", broken, content_type="application/json")
        assert error_of(response, 400)["code"] in {"parse_error", "validation_error"}


def test_who_sends_no_credentials_is_told_which_to_send(browser):
    response = browser.get("/api/events/")

    assert error_of(response, 401)["code"] == "not_authenticated"
    assert error_of(response, 401)["message"].startswith("Send the header Authorization: Bearer ACCESS_TOKEN")
    assert response.headers["WWW-Authenticate"].startswith("Bearer")


def test_an_html_error_of_a_view_is_reshaped_and_keeps_headers(browser):
    assert error_of(browser.get("/api/html-error/"), 418)
    response = browser.get("/api/not-allowed/")
    assert error_of(response, 405)["code"] == "method_not_allowed"
    assert response["Allow"] == "PUT"


def test_a_body_over_the_limit_is_413_and_at_the_limit_is_read(browser, settings):
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 64
    padding = '{"email": "' + "a" * 60 + '"}'

    over = browser.post("/api/auth/register/", padding, content_type="application/json")
    below = browser.post("/api/auth/register/", "{}", content_type="application/json")

    assert error_of(over, 413)["code"] == "payload_too_large"
    assert error_of(below, 400)["code"] == "validation_error"


ROUTES = [
    ("/api/recommendations/session/", 64 * 1024),
    ("/api/recommendations/group/", 16 * 1024),
    ("/api/events/", 512 * 1024),
    ("/api/auth/register/", 32 * 1024),
    ("/api/auth/token/", 32 * 1024),
    ("/api/nowhere/", 32 * 1024),
]


@pytest.mark.parametrize(("path", "most"), ROUTES)
@pytest.mark.parametrize("content_type", ["application/json", "application/x-www-form-urlencoded", "text/plain"])
def test_each_route_reads_no_more_than_its_bodies_need(browser, path, most, content_type):
    over = browser.post(path, "[" * (most + 1), content_type=content_type)
    within = browser.post(path, "[" * most, content_type=content_type)

    assert error_of(over, 413)["message"] == f"The body may have at most {most} bytes here."
    assert within.status_code in (400, 401, 404, 415)


def test_api_rules_hold_under_any_script_name(browser):
    much = "[" * (32 * 1024 + 1)
    over = browser.post("/api/nowhere/", much, content_type="application/json", SCRIPT_NAME="/films")
    assert error_of(over, 413)["message"] == "The body may have at most 32768 bytes here."
    assert error_of(browser.get("/api/nowhere/", SCRIPT_NAME="/films"), 404)["code"] == "not_found"
    charset = browser.post("/api/events/", "{}", content_type="application/json; charset=utf-7", SCRIPT_NAME="/films")
    assert error_of(charset, 415)["code"] == "unsupported_media_type"


def test_a_body_of_unknown_length_is_refused_not_taken_as_empty(browser):
    chunked = {"headers": {"Transfer-Encoding": "chunked"}}

    for path in ("/api/auth/token/", "/api/recommendations/session/", "/api/events/"):
        assert error_of(browser.post(path, **chunked), 411)["code"] == "length_required"
    assert browser.get("/api/genres/", **chunked).status_code != 411


def test_a_host_that_is_not_ours_is_400(browser):
    assert error_of(browser.get("/api/fine/", HTTP_HOST="evil.example"), 400)["code"] == "bad_request"


def test_pages_keep_html(browser):
    for path, status in (("/page/crash/", 500), ("/page/denied/", 403), ("/nowhere/", 404)):
        response = browser.get(path)
        assert response.status_code == status
        assert response["Content-Type"].startswith("text/html")


def test_an_address_without_a_last_slash_is_redirected(browser, settings):
    settings.DEBUG = True

    response = browser.post("/api/auth/token?x=1", "{}", content_type="application/json")

    assert response.status_code == 308
    assert response["Location"] == "/api/auth/token/?x=1"

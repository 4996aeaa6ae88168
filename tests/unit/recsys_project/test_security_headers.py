"""Headers that tell a browser, a cache and other sites' pages what they may do."""

import pytest
from django.core.cache import caches
from django.test import Client
from django.urls import reverse

from tests.factories import client_of, make_user

pytestmark = pytest.mark.django_db
PAGES = [
    "/api/docs/",
    "/api/docs/?script=",
    "/admin/login/",
    "/nowhere/",
    "/api/nowhere/",
    "/health/live",
    "/api/movies/",
]
ELSEWHERE = "https://app.example.com"


@pytest.mark.parametrize("path", PAGES)
def test_every_answer_has_the_headers(path):
    answer = Client().get(path)

    policy = dict(part.strip().split(" ", 1) for part in answer["Content-Security-Policy"].split(";"))
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == "'self'"
    assert policy["frame-ancestors"] == "'none'"
    assert "unsafe" not in answer["Content-Security-Policy"]
    assert "camera=()" in answer["Permissions-Policy"]
    assert answer["Cross-Origin-Opener-Policy"] == "same-origin"
    assert answer["Referrer-Policy"] == "same-origin"
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["X-Frame-Options"] == "DENY"


@pytest.mark.parametrize("path", ["/api/docs/", "/admin/login/", "/nowhere/"])
def test_no_page_has_inline_code(path):
    text = Client().get(path).content.decode()

    assert "<script>" not in text
    assert "<style" not in text
    assert " style=" not in text
    assert " onclick=" not in text


def test_an_answer_to_a_token_is_not_stored():
    person = client_of(make_user())

    for path in ("/api/auth/me/", "/api/events/", "/api/movies/", "/api/nowhere/"):
        assert "no-store" in person.get(path)["Cache-Control"], path


def test_an_answer_to_a_refused_token_is_not_stored():
    refused = Client().get("/api/auth/me/", HTTP_AUTHORIZATION="Bearer forged")

    assert (refused.status_code, refused["Cache-Control"]) == (401, "no-store")


def test_an_answer_to_a_session_is_not_stored():
    client = Client()
    client.force_login(make_user(is_staff=True, is_superuser=True))

    assert "no-store" in client.get(reverse("admin:index"))["Cache-Control"]
    assert "no-store" in client.get("/admin/nowhere/")["Cache-Control"]


def test_an_answer_to_nobody_may_be_stored():
    assert "Cache-Control" not in Client().get("/api/movies/")


def test_other_sites_are_not_let_in_unless_listed(settings):
    closed = Client().get("/api/movies/", HTTP_ORIGIN=ELSEWHERE)
    settings.CORS_ALLOWED_ORIGINS = [ELSEWHERE]
    allowed = Client().get("/api/movies/", HTTP_ORIGIN=ELSEWHERE)
    other = Client().get("/api/movies/", HTTP_ORIGIN="https://evil.example.com")

    assert "Access-Control-Allow-Origin" not in closed
    assert allowed["Access-Control-Allow-Origin"] == ELSEWHERE
    assert "Access-Control-Allow-Credentials" not in allowed
    assert "Access-Control-Allow-Origin" not in other


def test_a_listed_site_may_send_a_token(settings):
    settings.CORS_ALLOWED_ORIGINS = [ELSEWHERE]
    asked = {"HTTP_ORIGIN": ELSEWHERE, "HTTP_ACCESS_CONTROL_REQUEST_METHOD": "POST"}

    preflight = Client().options("/api/events/", **asked)

    assert preflight.status_code == 200
    assert "authorization" in preflight["Access-Control-Allow-Headers"]
    assert "POST" in preflight["Access-Control-Allow-Methods"]


def test_a_listed_site_reads_refusals_before_the_view(settings):
    settings.CORS_ALLOWED_ORIGINS = [ELSEWHERE]
    settings.RATELIMIT_ENABLE = True
    settings.RATE_LIMITS = settings.RATE_LIMITS | {"anonymous": ["1/d:1"]}
    caches["ratelimit"].delete_pattern("*")
    from_there = Client(HTTP_ORIGIN=ELSEWHERE)
    long, chunked = "x" * 40_000, {"HTTP_TRANSFER_ENCODING": "chunked"}
    answers = [
        from_there.post("/api/rank/", long, content_type="application/json"),
        from_there.post("/api/events/", "{}", content_type="application/json", **chunked),
        from_there.post("/api/auth/token/", "{}", content_type="application/json; charset=utf-7"),
        from_there.post("/api/nowhere", "{}", content_type="application/json"),
        from_there.get("/api/nowhere/"),
    ]

    assert [answer.status_code for answer in answers[:3]] == [413, 411, 415]
    assert 429 in [answer.status_code for answer in answers]
    assert {answer.get("Access-Control-Allow-Origin") for answer in answers} == {ELSEWHERE}


def test_a_listed_site_does_not_reach_the_admin(settings):
    settings.CORS_ALLOWED_ORIGINS = [ELSEWHERE]

    assert "Access-Control-Allow-Origin" not in Client().get("/admin/login/", HTTP_ORIGIN=ELSEWHERE)

"""However much of the site is used, its metrics stay few."""

import re
from collections.abc import Iterator

import pytest
from django.urls import get_resolver

from tests.functional.web_server import WebServer, web_server

pytestmark = pytest.mark.django_db(transaction=True)
MOST = 500
VALUES = {"int": "1", "str": "x", "slug": "x", "path": "x", "uuid": "0190f5c2-0000-7000-8000-000000000001"}


@pytest.fixture(scope="module")
def server(tmp_path_factory, django_db_setup, django_db_blocker) -> Iterator[WebServer]:
    folder = tmp_path_factory.mktemp("web")
    with django_db_blocker.unblock(), web_server(folder, RATELIMIT_ENABLE="false", WEB_CONCURRENCY="1") as running:
        yield running


def paths() -> list[str]:
    """One for each route of the site, the admin's too, that has no regular expression."""

    def walk(patterns, before: str) -> Iterator[str]:
        for one in patterns:
            route = before + str(one.pattern)
            if hasattr(one, "url_patterns"):
                yield from walk(one.url_patterns, route)
            elif "(" not in route and "^" not in route:
                yield "/" + re.sub(r"<(?:(\w+):)?\w+>", lambda found: VALUES[found[1] or "str"], route)

    return sorted(set(walk(get_resolver().url_patterns, "")))


def test_traffic_on_every_route_makes_few_series(server: WebServer):
    # The admin's are one route.
    asked = [path for path in paths() if not path.startswith("/admin/")]
    asked += [path for path in paths() if path.startswith("/admin/")][:20]
    for path in asked:
        server.request("GET", path)
        server.request("POST", path, {})
    for number in range(30):
        server.request("GET", f"/no-such-page/{number}/")

    text = server.request("GET", "/metrics").body.decode()

    series = [line for line in text.splitlines() if line and not line.startswith("#")]
    routes = set(re.findall(r'recsys_http_requests_total\{route="([^"]+)"', text))
    assert len(series) < MOST
    assert {"admin", "none", "genres", "recommendations:list"} <= routes
    assert not [route for route in routes if "/" in route]
    assert not [line for line in series if "no-such-page" in line]

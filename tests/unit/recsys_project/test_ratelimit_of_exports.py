"""Exports are few for each person, whoever asks for them."""

import pytest
from django.core.cache import caches

from tests.factories import client_of, client_with_key, make_key, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _limited(settings):
    settings.RATELIMIT_ENABLE = True
    settings.RATE_LIMITS = settings.RATE_LIMITS | {"export": ["2/h"]}
    caches["ratelimit"].delete_pattern("*")


def test_a_person_exports_a_few_times_an_hour():
    client = client_of(make_user())

    answers = [client.get("/api/auth/me/export/") for _ in range(3)]

    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert answers[-1].json()["error"]["code"] == "rate_limited"
    assert 1 <= int(answers[-1]["Retry-After"]) <= 3600
    assert client.head("/api/auth/me/export/").status_code == 429
    assert client.get("/api/auth/me/").status_code == 200
    assert client_of(make_user()).get("/api/auth/me/export/").status_code == 200


def test_a_client_exports_each_user_a_few_times_an_hour():
    shop, rival = client_with_key(make_key()), client_with_key(make_key("rival"))
    for name in ("ada", "bob"):
        assert shop.put(f"/api/users/{name}/", {"display_name": "x"}, format="json").status_code == 201

    assert [shop.get("/api/users/ada/export/").status_code for _ in range(3)] == [200, 200, 429]

    assert client_with_key(make_key()).get("/api/users/ada/export/").status_code == 429
    assert shop.get("/api/users/bob/export/").status_code == 200
    assert rival.get("/api/users/ada/export/").status_code == 404

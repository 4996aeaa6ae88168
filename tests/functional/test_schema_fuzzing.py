"""Schemathesis sends what the schema allows and what it forbids, and compares the answers with the schema.

Short in the suite, the same examples each time. In full: ``FUZZ_EXAMPLES=1000 ./bin/test`` with this file.
"""

import os
from functools import cache

import pytest
from django.db import connection
from drf_spectacular.generators import SchemaGenerator
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis.errors import Unsatisfiable
from rest_framework_simplejwt.tokens import AccessToken

from recsys_project.wsgi import application
from tests.factories import make_user

schemathesis = pytest.importorskip("schemathesis", reason="Schemathesis is not installed.")
positive_data_acceptance = pytest.importorskip("schemathesis.specs.openapi.checks").positive_data_acceptance
pytestmark = pytest.mark.django_db
# For these fields alone, a value that the schema allows may be refused: what is valid depends on what is stored, on
# another field, or on a format that JSON Schema cannot say. (OAuth2's form ignores unknown names, its JSON does not.)
STORED = {
    "cursor",
    "email",
    "events",
    "members",
    "movie",
    "movie_ids",
    "occurred_at",
    "refresh",
    "token",
    "username",
    "value",
    "password",
}
LISTS = {"exclude", "expand", "genre", "mood", "q", "year_from", "year_to"}
EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "10"))


@cache
def schema():
    document = SchemaGenerator().get_schema(request=None, public=True)
    loaded = schemathesis.openapi.from_dict(document)
    loaded.app, loaded.location = application, "/api/schema/"
    return loaded


def operations() -> list:
    return [pytest.param(found.ok(), id=found.ok().label) for found in schema().get_all_operations()]


@pytest.fixture(autouse=True)
def _open_connection(monkeypatch):
    """Each answer would close the connection of the test's transaction."""
    monkeypatch.setattr(connection, "close_if_unusable_or_obsolete", lambda: None)


@pytest.mark.parametrize("mode", list(schemathesis.GenerationMode), ids=lambda mode: mode.value)
@pytest.mark.parametrize("operation", operations())
def test_answers_follow_the_schema(cast, operation, mode):
    headers = {"Authorization": f"Bearer {AccessToken.for_user(make_user())}"}

    @hypothesis_settings(
        max_examples=EXAMPLES,
        derandomize=EXAMPLES <= 10,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def follows(case) -> None:
        answer = case.call_and_validate(headers=headers, excluded_checks=[positive_data_acceptance])
        # OAuth2's errors name no fields.
        oauth2 = operation.path == "/api/auth/token/"
        if mode is schemathesis.GenerationMode.POSITIVE and answer.status_code == 400 and not oauth2:
            fields = {name.partition(".")[0] for name in answer.json()["error"]["fields"]}
            assert fields, answer.json()
            assert fields <= STORED | LISTS, answer.json()

    try:
        follows()
    except Unsatisfiable:
        pytest.skip("The operation takes nothing that could be wrong.")

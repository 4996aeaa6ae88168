"""Schemathesis sends what the schema allows and what it forbids, and compares the answers with the schema.

Short in the suite, the same examples each time. In full: ``FUZZ_EXAMPLES=1000 ./bin/test`` with this file.
"""

import os
from collections.abc import Callable
from functools import cache

import pytest
from django.db import connection
from drf_spectacular.generators import SchemaGenerator
from hypothesis import HealthCheck, Phase, given
from hypothesis import settings as hypothesis_settings
from hypothesis.errors import Unsatisfiable

from accounts.tokens import AccessToken
from recsys_project.wsgi import application
from tests.factories import make_key, make_user

schemathesis = pytest.importorskip("schemathesis", reason="Schemathesis is not installed.")
checks = pytest.importorskip("schemathesis.specs.openapi.checks")
positive_data_acceptance, ignored_auth = checks.positive_data_acceptance, checks.ignored_auth
use_after_free = checks.use_after_free
pytestmark = pytest.mark.django_db
# For these fields alone, a value that the schema allows may be refused: what is valid depends on what is stored, on
# another field, or on a format that JSON Schema cannot say. (OAuth2's form ignores unknown names, its JSON does not.)
STORED = {
    "event_id",
    "kind",
    "q",  # Invisible characters alone are blank.
    "scenario",
    "user",
    "cursor",
    "email",
    "choices",
    "events",
    "group",
    "file",
    "members",
    "movie",
    "movie_ids",
    "occurred_at",
    "old_password",
    "progress",
    "recommendation_id",
    "token",
    "value",
    "password",
}
LISTS = {"genre", "year_from", "year_to"}
EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "10"))


CALLERS = ("person", "key")


@cache
def schema(caller: str):
    """The schema as it holds for the caller: ``user`` is required with a key, and refused without one."""
    document = SchemaGenerator().get_schema(request=None, public=True)
    for operations in document["paths"].values():
        for operation in operations.values():
            parameters = operation.get("parameters", [])
            for one in [one for one in parameters if one["name"] == "user"]:
                if caller == "person":
                    parameters.remove(one)
                else:
                    one["required"] = True
    for body in document["components"]["schemas"].values():
        # Of requests alone: an answer with a user is about a customer.
        if "pattern" in body.get("properties", {}).get("user", {}):
            if caller == "person":
                del body["properties"]["user"]
            else:
                body["required"] = sorted({*body.get("required", ()), "user"})
    # A body may also be refused for its length, before anything reads it.
    refused = {"expected-statuses": [400, 401, 403, 404, 405, 406, 409, 411, 413, 414, 415, 429]}
    config = schemathesis.Config.from_dict({"checks": {"negative_data_rejection": refused}})
    loaded = schemathesis.openapi.from_dict(document, config=config)
    loaded.app, loaded.location = application, "/api/schema/"
    return loaded


def operations() -> list:
    """Each operation as a person and as a key, in each mode."""
    return [
        pytest.param(found.ok(), caller, mode, id=f"{found.ok().label} {caller} {mode.value}")
        for caller in CALLERS
        for found in schema(caller).get_all_operations()
        for mode in schemathesis.GenerationMode
    ]


def authorization(caller: str) -> Callable[[], dict[str, str]]:
    """Makes the header of the caller, for each request: some requests end all tokens."""
    if caller == "key":
        key = make_key()
        return lambda: {"Authorization": f"Api-Key {key}"}
    person = make_user()

    def of_person() -> dict[str, str]:
        person.refresh_from_db()
        return {"Authorization": f"Bearer {AccessToken.for_user(person)}"}

    return of_person


@pytest.fixture(autouse=True)
def _open_connection(monkeypatch):
    """Each answer would close the connection of the test's transaction."""
    monkeypatch.setattr(connection, "close_if_unusable_or_obsolete", lambda: None)


def hypothesis_for(examples: int, **more: int) -> hypothesis_settings:
    return hypothesis_settings(
        max_examples=examples,
        derandomize=EXAMPLES <= 10,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
        **more,
    )


@pytest.mark.parametrize(("operation", "caller", "mode"), operations())
def test_answers_follow_the_schema(cast, operation, caller, mode):
    headers = authorization(caller)

    # What a key may not call is refused before anything else is read.
    @hypothesis_for(EXAMPLES if caller == "person" else max(1, EXAMPLES // 3))
    @given(case=operation.as_strategy(generation_mode=mode))
    def follows(case) -> None:
        answer = case.call_and_validate(headers=headers(), excluded_checks=[positive_data_acceptance])
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


@pytest.mark.parametrize("caller", CALLERS)
def test_chains_of_requests_follow_the_schema(cast, caller):
    """What one answer names, such as a new group, a movie or a cursor, is sent in the next requests."""
    headers = authorization(caller)

    class Chain(schema(caller).as_state_machine()):
        def get_call_kwargs(self, case):
            return {"headers": headers()}

        def validate_response(self, response, case, additional_checks=None, **kwargs):
            case.validate_response(
                response,
                additional_checks=additional_checks,
                # The header is another than the one it generated.
                excluded_checks=[
                    positive_data_acceptance,
                    ignored_auth,
                    # Whoever has left a group still sees that they have.
                    *([use_after_free] if case.path.startswith("/api/groups/") else []),
                ],
                transport_kwargs=kwargs or None,
                recorder=self.recorder,
            )

    Chain.run(settings=hypothesis_for(EXAMPLES, stateful_step_count=6))

"""A request may hold the names that the schema documents, and nothing else; a parameter has a value or is left out."""

import json
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.models import User
from events.models import Interaction
from recsys_project import contract
from tests.factories import PASSWORD, client_of, make_user
from tests.unit.recommendations.experiments.factories import draft

pytestmark = pytest.mark.django_db
RULES = contract.contract()
STRONG = "a-long-enough-password"


def operations() -> Iterator[tuple[str, str, dict[str, Any]]]:
    """``(method, path, operation)`` of all that the schema documents, with an id in each path that has one."""
    for named, found in RULES._document["paths"].items():
        for method, operation in found.items():
            path = named.replace("{id}", "1").replace("{movie_id}", "1").replace("{group_id}", str(UUID(int=1)))
            path = path.replace("{import_id}", str(UUID(int=1))).replace("{event_id}", str(UUID(int=1)))
            path = path.replace("{name}", "blend")
            yield method, path, operation


def errors_of(response) -> dict[str, list[str]]:
    assert response.status_code == 400, response.content
    assert response.json()["error"]["code"] == "validation_error"
    return response.json()["error"]["fields"]


@pytest.fixture
def somebody() -> User:
    """A superuser: who may not use an endpoint is told that first."""
    return make_user("ada@x.org", is_staff=True, is_superuser=True)


@pytest.mark.parametrize(("method", "path"), [(method, path) for method, path, _ in operations()])
def test_every_endpoint_refuses_a_parameter_it_does_not_know(somebody, method, path):
    errors = errors_of(getattr(client_of(somebody), method)(f"{path}?zzzzzz=1"))

    assert list(errors) == ["zzzzzz"]
    assert errors["zzzzzz"][0].startswith("There is no such parameter.")


@pytest.mark.parametrize(
    ("method", "path", "name"),
    [
        (method, path, parameter["name"])
        for method, path, operation in operations()
        for parameter in operation.get("parameters", ())
        if parameter["in"] == "query"
    ],
)
@pytest.mark.parametrize("text", ["", "%20", "%09"])
def test_a_parameter_without_a_value_is_named_everywhere(somebody, method, path, name, text):
    response = getattr(client_of(somebody), method)(f"{path}?{name}={text}")

    assert errors_of(response) == {name: [contract.EMPTY]}


@pytest.mark.parametrize(
    ("path", "given", "meant"),
    [
        ("/api/recommendations/", "genres", "genre"),
        ("/api/recommendations/", "Exlude", "exclude"),
        ("/api/recommendations/popular/", "genres", "genre"),
        ("/api/recommendations/trending/", "lmit", "limit"),
        ("/api/recommendations/latest/", "gnre", "genre"),
        ("/api/movies/", "yearfrom", "year_from"),
        ("/api/movies/search/", "year-to", "year_to"),
        ("/api/movies/1/similar/", "limits", "limit"),
        ("/api/events/", "kinds", "kind"),
    ],
)
def test_a_slip_in_a_query_names_the_nearest_parameter(somebody, path, given, meant):
    errors = errors_of(client_of(somebody).get(path, {given: "1"}))

    assert errors == {given: [f"There is no such parameter. Did you mean {meant}?"]}


@pytest.mark.parametrize(
    ("path", "body", "given", "meant"),
    [
        ("/api/recommendations/session/", {"genres": "crime"}, "genres", "genre"),
        ("/api/recommendations/session/", {"exlude": "1"}, "exlude", "exclude"),
        ("/api/recommendations/session/", {"movie_id": [1]}, "movie_id", "movie_ids"),
        ("/api/recommendations/session/", {"events": [{"movie": 1}, {"movei": 1}]}, "events.1.movei", "movie"),
        (
            "/api/recommendations/group/",
            {"group": None, "strateg": "average"},
            "strateg",
            "strategy",
        ),
        ("/api/events/", {"movie": 1, "kind": "like", "event_ids": None}, "event_ids", "event_id"),
        ("/api/auth/register/", {"email": "b@x.org", "password": STRONG, "display": "B"}, "display", "display_name"),
        ("/api/auth/token/", {"user_name": "ada@x.org", "password": PASSWORD}, "user_name", "username"),
        ("/api/auth/refresh/", {"refresh_": "x"}, "refresh_", "refresh"),
    ],
)
def test_a_slip_in_a_body_names_the_nearest_field(somebody, path, body, given, meant):
    errors = errors_of(client_of(somebody).post(path, body, format="json"))

    assert errors == {given: [f"There is no such field. Did you mean {meant}?"]}
    assert not Interaction.objects.exists()
    assert User.objects.count() == 1


def test_what_is_only_shown_cannot_be_set(somebody):
    body = {"group_invitations": False, "email": "eve@x.org", "group_invitation": False}

    errors = errors_of(client_of(somebody).patch("/api/auth/me/", body, format="json"))

    assert errors["email"] == [contract.READ_ONLY]
    assert errors["group_invitation"] == ["There is no such field. Did you mean group_invitations?"]
    somebody.refresh_from_db()
    assert (somebody.email, somebody.group_invitations) == ("ada@x.org", True)


def test_the_oauth2_form_ignores_what_it_does_not_know(somebody):
    """RFC 6749, 3.2: the token endpoint must ignore parameters that it does not recognise."""
    form = {"grant_type": "password", "username": "ada@x.org", "password": PASSWORD, "client_id": "x", "scope": ""}

    assert Client().post("/api/auth/token/", form, content_type="application/x-www-form-urlencoded").status_code == 400
    encoded = "&".join(f"{name}={value}" for name, value in form.items())
    answer = Client().post("/api/auth/token/", encoded, content_type="application/x-www-form-urlencoded")
    assert answer.status_code == 200


def test_the_format_of_the_framework_is_known_everywhere(somebody):
    assert client_of(somebody).get("/api/recommendations/popular/?format=json").status_code == 200
    assert Client().get("/api/schema/?format=json&lang=en").status_code == 200


@pytest.mark.parametrize("count", [21, 3000])
def test_of_many_unknown_names_20_are_listed_the_rest_counted(count):
    body = json.dumps({f"n{number}": 1 for number in range(count)})

    response = Client().post("/api/recommendations/session/", body, content_type="application/json")

    assert len(errors_of(response)) == 20
    assert response.json()["error"]["message"].endswith(f" {count - 20} more errors are left out.")
    assert len(response.content) < 5000


def test_of_many_parameters_20_are_listed_and_the_rest_counted():
    response = Client().get("/api/movies/?" + "&".join(f"n{number}=1" for number in range(700)))

    assert len(errors_of(response)) == 20
    assert "680 more" in response.json()["error"]["message"]


def test_more_parameters_than_are_read_are_the_clients_error():
    response = Client().get("/api/movies/?" + "&".join("x=1" for _ in range(2500)))

    assert errors_of(response) == {"non_field_errors": ["Too many parameters."]}


def arrays(schema: dict[str, Any], path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], dict[str, Any]]]:
    """Every list that may stand in a body of this schema, with the names that lead to it."""
    schema = RULES.resolved(schema)
    if "items" in schema:
        yield path, schema
        yield from arrays(schema["items"], path)
    for name, inner in schema.get("properties", {}).items():
        yield from arrays(inner, (*path, name))


LISTS = [
    (method, path, names, schema)
    for method, path, operation in operations()
    for names, schema in arrays(RULES.body_schema(operation))
]


@pytest.mark.parametrize(("method", "path", "names", "schema"), LISTS, ids=lambda value: str(value)[:40])
def test_lists_in_a_body_are_bounded_before_their_items_are_read(somebody, method, path, names, schema):
    assert len(names) == 1, "Say here how a list inside another is asked for."
    items = ["no such item"] * (schema["maxItems"] + 1)
    draft("blend")

    errors = errors_of(getattr(client_of(somebody), method)(path, {names[0]: items}, format="json"))

    assert errors[names[0]] == [f"Ensure this field has no more than {schema['maxItems']} elements."]


def test_the_lists_there_are():
    assert {names[0] for _, _, names, _ in LISTS} == {"arms", "movie_ids", "events", "members", "choices"}


def test_the_contract_is_made_without_a_query():
    contract._contract_of.cache_clear()

    with CaptureQueriesContext(connection) as queries:
        contract.contract()

    assert len(queries) == 0


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("field", "value"),
    [("group_invitations", 0), ("group_invitations", "no"), ("display_name", 0.1), ("display_name", 5)],
)
def test_a_value_of_another_type_is_refused(field, value):
    user = make_user()

    refused = client_of(user).patch("/api/auth/me/", {field: value}, format="json")

    assert refused.status_code == 400
    assert set(refused.json()["error"]["fields"]) == {field}
    user.refresh_from_db()
    assert (user.display_name, user.group_invitations) == ("", True)

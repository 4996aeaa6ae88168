"""The OpenAPI schema and its page."""

from typing import Any
from urllib.parse import urlencode

import jsonschema
import pytest
from django.core.management import call_command
from django.test import Client

from tests.factories import PASSWORD, make_user

pytestmark = pytest.mark.django_db


def test_the_schema_is_valid_without_a_warning(tmp_path):
    schema = tmp_path / "schema.yml"

    call_command("spectacular", "--validate", "--fail-on-warn", "--file", str(schema))

    assert "/api/recommendations/:" in schema.read_text()


@pytest.mark.parametrize("kind", ["json", "yaml"])
def test_the_schema_is_made_once_whatever_is_asked(monkeypatch, kind):
    def answer(query: str) -> bytes:
        response = Client(raise_request_exception=False).get(f"/api/schema/?format={kind}&{query}")
        assert response.status_code == 200, query
        return response.content

    first = answer("")
    monkeypatch.setattr("drf_spectacular.generators.SchemaGenerator.get_schema", lambda *args, **kwargs: 1 / 0)

    # A line break, a NUL and half a surrogate pair have no place in a header.
    for query in ("version=a%0d%0ab", "version=%00", "version=%ED%A0%80", "version=2", "lang=de", "lang=%00"):
        assert answer(query) == first


@pytest.mark.parametrize("address", ["/api/schema/", "/api/docs/"])
def test_an_expired_token_keeps_nobody_from_the_schema(address):
    assert Client().get(address, headers={"Authorization": "Bearer x.y.z"}).status_code == 200


def test_every_operation_documents_the_error_shape():
    schema = Client().get("/api/schema/", HTTP_ACCEPT="application/json").json()

    operations = [operation for path in schema["paths"].values() for operation in path.values()]
    assert operations
    for operation in operations:
        content = operation["responses"]["default"]["content"]["application/json"]
        assert content["schema"] == {"$ref": "#/components/schemas/Error"}
    assert set(schema["components"]["schemas"]["Error"]["properties"]["error"]["required"]) == {
        "code",
        "message",
        "fields",
        "request_id",
    }


def test_the_page_takes_nothing_from_elsewhere():
    response = Client().get("/api/docs/")

    assert response.status_code == 200
    assert b"https://cdn" not in response.content


@pytest.fixture
def schema() -> dict[str, Any]:
    """The schema as it is served, with what may be null said in the words of JSON Schema."""
    return without_nullable(Client().get("/api/schema/", HTTP_ACCEPT="application/json").json())


def without_nullable(node: Any) -> Any:
    if isinstance(node, list):
        return [without_nullable(inner) for inner in node]
    if not isinstance(node, dict):
        return node
    plain = {name: without_nullable(inner) for name, inner in node.items()}
    return {"anyOf": [plain, {"type": "null"}]} if plain.pop("nullable", None) is True else plain


def bodies(operation: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The content of an operation's request and of its answers that went well, by a name of each."""
    asked = {
        f"request {media}": content for media, content in operation.get("requestBody", {}).get("content", {}).items()
    }
    answered = {
        f"{status} {media}": content
        for status, response in operation["responses"].items()
        for media, content in response.get("content", {}).items()
    }
    return asked | answered


def test_every_body_has_examples_that_fit_its_schema(schema):
    checked = 0
    for path, operations in schema["paths"].items():
        for method, operation in operations.items():
            assert bodies(operation), (method, path)
            for name, content in bodies(operation).items():
                where = f"{method} {path} {name}"
                assert content.get("examples"), where
                whole = content["schema"] | {"components": schema["components"]}
                validator = jsonschema.Draft202012Validator(whole, format_checker=jsonschema.FormatChecker())
                for example in content["examples"].values():
                    errors = [
                        f"{error.json_path}: {error.message}" for error in validator.iter_errors(example["value"])
                    ]
                    assert not errors, where
                    checked += 1

    assert checked > 40


def test_examples_show_every_field_of_a_card(schema):
    answer = schema["paths"]["/api/recommendations/"]["get"]["responses"]["200"]["content"]["application/json"]
    expanded = answer["examples"]["with-expandoverviewpeople"]["value"]["items"][0]["movie"]

    assert expanded.keys() == schema["components"]["schemas"]["MovieCard"]["properties"].keys()


def test_the_schema_says_how_to_sign_in_and_that_way_works():
    schema = Client().get("/api/schema/", HTTP_ACCEPT="application/json").json()
    user = make_user()
    flow = schema["components"]["securitySchemes"]["oauth2"]["flows"]["password"]
    # As the schema's page sends it: names of a client that nobody has, in the form or in a header.
    form = {"grant_type": "password", "username": user.email, "password": PASSWORD}
    answers = [
        Client().post(
            flow["tokenUrl"], urlencode(given), content_type="application/x-www-form-urlencoded", headers=headers
        )
        for given, headers in (
            (form | {"scope": "", "client_id": "", "client_secret": ""}, {}),
            (form | {"client_id": "page", "client_secret": "none", "scope": "read"}, {}),
            (form, {"Authorization": "Basic Og=="}),
        )
    ]

    schemes = [{"oauth2": []}, {"bearer": []}, {"apiKey": []}]
    assert schema["paths"]["/api/recommendations/"]["get"]["security"] == schemes
    for answer in answers:
        assert answer.status_code == 200, answer.content
        token = f"{answer.json()['token_type']} {answer.json()['access_token']}"
        assert Client().get("/api/recommendations/", HTTP_AUTHORIZATION=token).status_code == 200
    assert Client().get("/api/recommendations/").status_code == 401

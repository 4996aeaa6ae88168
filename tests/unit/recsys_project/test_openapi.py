"""The OpenAPI schema and its page."""

import pytest
from django.core.management import call_command
from django.test import Client

pytestmark = pytest.mark.django_db


def test_the_schema_is_valid_without_a_warning(tmp_path):
    schema = tmp_path / "schema.yml"

    call_command("spectacular", "--validate", "--fail-on-warn", "--file", str(schema))

    assert "/api/recommendations/:" in schema.read_text()


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

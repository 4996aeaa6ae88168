"""Adds the error shape and examples to the OpenAPI schema."""

from collections.abc import Mapping
from typing import Any

from django.utils.text import slugify

from recsys_project.examples import ERROR_EXAMPLE, EXAMPLES

ERROR_SCHEMA = {
    "type": "object",
    "description": "The shape of every error.",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["code", "message", "fields", "request_id"],
            "properties": {
                "code": {"type": "string", "description": "For programs.", "example": "validation_error"},
                "message": {"type": "string", "description": "For people."},
                "fields": {
                    "type": "object",
                    "description": "The errors of each field of the request; empty if no field is wrong.",
                    "additionalProperties": {"type": "array", "items": {"type": "string"}},
                },
                "request_id": {
                    "type": "string",
                    "description": "As in the header X-Request-ID; the log lines have it, too.",
                },
            },
        }
    },
}
_DESCRIPTION = (
    "Any error: 400 for an invalid request, 401 without a valid token, 403, 404, 405, 406, 409, 411, 413, 415, 429 and "
    "503 with Retry-After, 500."
)


def document_errors(result: dict[str, Any], **kwargs: Any) -> dict[str, Any]:
    """A drf-spectacular hook that adds the error shape as the default response of each operation."""
    result.setdefault("components", {}).setdefault("schemas", {})["Error"] = ERROR_SCHEMA
    reference = {"schema": {"$ref": "#/components/schemas/Error"}, "examples": _named({"Not valid": ERROR_EXAMPLE})}
    response = {"description": _DESCRIPTION, "content": {"application/json": reference}}
    for operations in result.get("paths", {}).values():
        for operation in operations.values():
            if isinstance(operation, dict) and "responses" in operation:
                operation["responses"].setdefault("default", response)
    return result


def add_examples(result: dict[str, Any], **kwargs: Any) -> dict[str, Any]:
    """A drf-spectacular hook that adds the examples of requests and responses to each operation."""
    for (method, path), examples in EXAMPLES.items():
        operation = result.get("paths", {}).get(path, {}).get(method)
        if operation is None:  # The schema covers only some of the URLs.
            continue
        for key, of_place in examples.items():
            place, _, only = key.partition(" ")
            body = operation["requestBody"] if place == "request" else operation["responses"][place]
            for media, content in body["content"].items():
                if only in ("", media):
                    content["examples"] = _named(of_place)
    return result


def _named(examples: Mapping[str, Any]) -> dict[str, Any]:
    """Examples in OpenAPI's form: by slug, each with its summary and value."""
    return {slugify(summary): {"summary": summary, "value": value} for summary, value in examples.items()}

"""Says in the OpenAPI schema what every endpoint refuses: unknown fields, NUL characters and empty parameters.

``recsys_project/contract.py`` refuses the first and the last, REST framework's fields the other.
"""

from collections.abc import Iterator
from typing import Any

Schema = dict[str, Any]
_TEXT = r"^[^\u0000]*$"
_TEXT_WITH_CONTENT = r"^[^\u0000]*[^\s\u0000-\u001f\u0085\u00a0][^\u0000]*$"


def close_bodies(result: Schema, generator: Any, request: Any, public: bool) -> Schema:
    """A postprocessing hook: sets ``additionalProperties`` of each JSON body, or form with files, to false.

    OAuth2's password form is left open: it must ignore unknown names (RFC 6749, 3.2).
    """
    schemas = result.get("components", {}).get("schemas", {})
    for operations in result["paths"].values():
        for operation in operations.values():
            content = operation.get("requestBody", {}).get("content", {})
            if "application/x-www-form-urlencoded" not in content:
                body = content.get("application/json") or content.get("multipart/form-data", {})
                for found in _objects(body.get("schema", {}), schemas, set()):
                    found.setdefault("additionalProperties", False)
    return result


def bound_texts(result: Schema, generator: Any, request: Any, public: bool) -> Schema:
    """A postprocessing hook: a pattern for each text in a query or a JSON body that has no pattern of its own."""
    schemas = result.get("components", {}).get("schemas", {})
    for operations in result["paths"].values():
        for operation in operations.values():
            for parameter in operation.get("parameters", ()):
                if parameter["in"] == "query":
                    _set_pattern(parameter["schema"], _TEXT_WITH_CONTENT)
            body = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema", {})
            for found in _objects(body, schemas, set()):
                for field in found["properties"].values():
                    # Of a password, spaces are not removed.
                    blank = "minLength" not in field or field.get("writeOnly", False)
                    _set_pattern(field, _TEXT if blank else _TEXT_WITH_CONTENT)
    return result


def _set_pattern(schema: Schema, pattern: str) -> None:
    if schema.get("type") == "string" and not {"pattern", "format", "enum"} & set(schema):
        schema["pattern"] = pattern


def _objects(schema: Schema, schemas: Schema, seen: set[str]) -> Iterator[Schema]:
    """The schema and all within it that have properties, references resolved."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        if name not in seen:
            seen.add(name)
            yield from _objects(schemas[name], schemas, seen)
        return
    if "properties" in schema:
        yield schema
    inner = [*schema.get("properties", {}).values(), *schema.get("allOf", ()), *schema.get("oneOf", ())]
    for one in [*inner, *([schema["items"]] if "items" in schema else [])]:
        yield from _objects(one, schemas, seen)

"""Rejects requests with parameters or fields that the OpenAPI schema does not document for their endpoint.

An unknown name is an error, so that a misspelled filter does not return an unfiltered list. The schema is generated
from the serializers, filters and paginators that read the request, so a new field or parameter needs no change here:
documented names are accepted and all others rejected, in queries and in JSON bodies at any depth. Endpoints outside the
schema and OAuth2's password form, which must ignore unknown names (RFC 6749, 3.2), are not checked.
"""

import difflib
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from functools import lru_cache
from threading import Lock
from typing import Any

from django.conf import settings
from django.core.exceptions import TooManyFieldsSent
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from rest_framework.exceptions import ValidationError
from rest_framework.settings import api_settings

from recsys_project.exceptions import MAX_ERRORS, InvalidFieldsError, validation_response

# An operation's messages for names that similar operations accept and it does not: ``{name: message}``.
UNSUPPORTED = "x-unsupported"
EMPTY = "Give a value, or leave the parameter out."
NOT_BOOLEAN = "Give true or false."
NOT_TEXT = "Give a text, in quotes."
READ_ONLY = "This can be read, but not set here."
_MAX_COMPARED_LENGTH = 64
_PLACEHOLDER = re.compile(r"<[^>]*>|\{[^}]*\}")
_lock = Lock()

Schema = Mapping[str, Any]
_ANY: Schema = {}


class ContractMiddleware:
    """Rejects a request with an unknown or empty query parameter, before the view runs."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        return self.get_response(request)

    def process_view(self, request: HttpRequest, view: Any, args: Any, kwargs: Any) -> HttpResponseBase | None:
        try:
            check_query(request)
        except ValidationError as error:
            return validation_response(request, error)
        return None


class Contract:
    """The documented parameters and fields of each operation."""

    def __init__(self, document: Schema) -> None:
        self._document = document
        self._operations: dict[tuple[str, str], Schema] = {
            (method.upper(), _without_placeholder_names(path)): operation
            for path, operations in document["paths"].items()
            for method, operation in operations.items()
        }

    def operation(self, request: HttpRequest) -> Schema | None:
        """The schema's operation for the request's method and route; None if it has none."""
        if request.resolver_match is None:
            return None
        method = "GET" if request.method == "HEAD" else str(request.method)
        return self._operations.get((method, _without_placeholder_names(f"/{request.resolver_match.route}")))

    def body_schema(self, operation: Schema) -> Schema:
        """The schema of the operation's JSON body; empty if it reads none."""
        content = operation.get("requestBody", {}).get("content", {})
        return self.resolved(content.get("application/json", {}).get("schema", {}))

    def resolved(self, schema: Schema) -> Schema:
        """Resolves references and single ``allOf`` wrappers."""
        while "$ref" in schema or len(schema.get("allOf", ())) == 1:
            reference = schema.get("$ref")
            if reference is None:
                schema = schema["allOf"][0]
            else:
                schema = self._document["components"]["schemas"][reference.rpartition("/")[2]]
        return schema

    def unknown(self, value: Any, schema: Schema, path: str = "") -> Iterator[tuple[str, str, Schema]]:
        """Yields ``(dotted path, name, sibling properties)`` for each unknown or read-only name in ``value``."""
        schema = self.resolved(schema)
        properties = schema.get("properties")
        if properties is not None and isinstance(value, dict):
            for name, inner in value.items():
                known = properties.get(name)
                if known is None or known.get("readOnly"):
                    yield f"{path}{name}", name, properties
                elif isinstance(inner, dict | list):
                    yield from self.unknown(inner, known, f"{path}{name}.")
        elif isinstance(value, list) and len(value) <= schema.get("maxItems", len(value)):
            items = self.resolved(schema.get("items", {}))
            if "properties" in items or "items" in items:
                for position, inner in enumerate(value):
                    yield from self.unknown(inner, items, f"{path}{position}.")

    def wrong_types(self, value: Any, schema: Schema, path: str = "") -> Iterator[tuple[str, str]]:
        """Yields ``(dotted path, message)`` for numbers given as text and for what is given as true or false.

        REST framework's fields would convert them: 0.1 to "0.1", and 0, "no" and "off" to false.
        """
        schema = self.resolved(schema)
        if isinstance(value, dict):
            properties = schema.get("properties", {})
            for name, inner in value.items():
                known = properties.get(name, _ANY)
                if isinstance(inner, dict | list):
                    yield from self.wrong_types(inner, known, f"{path}{name}.")
                elif message := _wrong_type(inner, self.resolved(known).get("type")):
                    yield f"{path}{name}", message
        elif isinstance(value, list):
            items = schema.get("items", {})
            if len(value) <= schema.get("maxItems", len(value)) and "properties" in self.resolved(items):
                for position, inner in enumerate(value):
                    yield from self.wrong_types(inner, items, f"{path}{position}.")
        elif message := _wrong_type(value, schema.get("type")):
            yield path.rstrip("."), message


def _wrong_type(value: Any, kind: str | None) -> str | None:
    """What is wrong with a number, a text, true, false or null where the schema's type is ``kind``."""
    if kind == "boolean":
        return None if value is None or isinstance(value, bool) else NOT_BOOLEAN
    if kind == "string" and isinstance(value, int | float) and not isinstance(value, bool):
        return NOT_TEXT
    return None


def contract(urlconf: str | None = None) -> Contract:
    """The site's contract, generated once per process in about 0.2 seconds, without a query."""
    with _lock:
        return _contract_of(urlconf or settings.ROOT_URLCONF)


@lru_cache(maxsize=4)
def _contract_of(urlconf: str) -> Contract:
    # Imported here: it imports REST framework's views and parsers, and the parsers import this module.
    from drf_spectacular.generators import SchemaGenerator  # noqa: PLC0415

    return Contract(SchemaGenerator(urlconf=urlconf).get_schema(request=None, public=True))


def check_query(request: HttpRequest) -> None:
    """Raises ValidationError naming the unknown query parameters, or else those without a value."""
    if not request.META.get("QUERY_STRING"):
        return
    operation = contract().operation(request)
    if operation is None:
        return
    known = {parameter["name"] for parameter in operation.get("parameters", ()) if parameter["in"] == "query"}
    try:
        given = request.GET
    except TooManyFieldsSent as error:
        raise ValidationError("Too many parameters.") from error
    # REST framework reads this parameter on all endpoints.
    known_everywhere = {api_settings.URL_FORMAT_OVERRIDE}
    unknown = [(name, name, known) for name in given if name not in known and name not in known_everywhere]
    if unknown:
        raise _refusal(operation, "parameter", unknown)
    empty = [name for name in given if not all(value.strip() for value in given.getlist(name))]
    if empty:
        raise InvalidFieldsError(dict.fromkeys(empty, EMPTY))


def check_body(request: HttpRequest, body: Any) -> None:
    """Raises ValidationError naming the unknown and read-only fields of a JSON body, or else those of a wrong type."""
    rules = contract()
    operation = rules.operation(request)
    if operation is None or not isinstance(body, dict):
        return
    unknown = list(rules.unknown(body, rules.body_schema(operation)))
    if unknown:
        raise _refusal(operation, "field", unknown)
    wrong = list(rules.wrong_types(body, rules.body_schema(operation)))
    if wrong:
        raise InvalidFieldsError(dict(wrong[:MAX_ERRORS]), left_out=max(0, len(wrong) - MAX_ERRORS))


def _refusal(
    operation: Schema, kind: str, unknown: Collection[tuple[str, str, Collection[str] | Schema]]
) -> InvalidFieldsError:
    """The error for all unknown names, with messages for the first MAX_ERRORS."""
    messages = {}
    for path, name, known in list(unknown)[:MAX_ERRORS]:
        own = operation.get(UNSUPPORTED, {}).get(path)
        settable = sorted(known)
        if isinstance(known, Mapping):
            own = own or (READ_ONLY if name in known else None)
            settable = [other for other in settable if not known[other].get("readOnly")]
        messages[path] = own or _unknown_message(kind, name, settable)
    return InvalidFieldsError(messages, left_out=len(unknown) - len(messages))


def _unknown_message(kind: str, name: str, known: list[str]) -> str:
    """A message that the name is unknown, with the most similar known name."""
    found = difflib.get_close_matches(name[:_MAX_COMPARED_LENGTH].lower(), known, n=1, cutoff=0.5)
    if found:
        return f"There is no such {kind}. Did you mean {found[0]}?"
    return f"There is no such {kind}. Known: {', '.join(known)}." if known else f"There is no such {kind}."


@lru_cache(maxsize=1000)
def _without_placeholder_names(path: str) -> str:
    """A route or schema path without its placeholders' names, which differ between the two."""
    return _PLACEHOLDER.sub("{}", path)

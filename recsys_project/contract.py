"""A request may hold the names that the OpenAPI schema documents for its endpoint, and no others.

A name that means nothing is an error, so that a slip of the pen is not a wider list. The schema is made of the
serializers, filters and paginators that read the request, so a new field or parameter needs nothing here: what is
documented is accepted, and what is not documented is refused, in queries and in JSON bodies at any depth. Endpoints
outside the schema, and OAuth2's password form, in which other names must be ignored (RFC 6749, 3.2), are not checked.
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

# An operation's own words for names that its neighbours take and it does not: ``{name: message}``.
UNSUPPORTED = "x-unsupported"
EMPTY = "Give a value, or leave the parameter out."
READ_ONLY = "This can be read, but not set here."
_LONGEST_COMPARED = 64
_PLACEHOLDER = re.compile(r"<[^>]*>|\{[^}]*\}")
_making = Lock()

Schema = Mapping[str, Any]


class ContractMiddleware:
    """Refuses a request whose query holds a name without a meaning or a name without a value, before the view runs."""

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
    """The names that each endpoint documents."""

    def __init__(self, document: Schema) -> None:
        self._document = document
        self._operations: dict[tuple[str, str], Schema] = {
            (method.upper(), _shape(path)): operation
            for path, operations in document["paths"].items()
            for method, operation in operations.items()
        }

    def operation(self, request: HttpRequest) -> Schema | None:
        """What the schema says of the request's method and route; None where it says nothing."""
        if request.resolver_match is None:
            return None
        method = "GET" if request.method == "HEAD" else str(request.method)
        return self._operations.get((method, _shape(f"/{request.resolver_match.route}")))

    def body_schema(self, operation: Schema) -> Schema:
        """The schema of the JSON that the operation reads; empty where it reads none."""
        content = operation.get("requestBody", {}).get("content", {})
        return self.resolved(content.get("application/json", {}).get("schema", {}))

    def resolved(self, schema: Schema) -> Schema:
        """The schema itself, where it is a reference or wraps one."""
        while "$ref" in schema or len(schema.get("allOf", ())) == 1:
            reference = schema.get("$ref")
            if reference is None:
                schema = schema["allOf"][0]
            else:
                schema = self._document["components"]["schemas"][reference.rpartition("/")[2]]
        return schema

    def unknown(self, value: Any, schema: Schema, path: str = "") -> Iterator[tuple[str, str, Schema]]:
        """``(dotted path, name, properties beside it)`` of each name in ``value`` that cannot be set there."""
        schema = self.resolved(schema)
        properties = schema.get("properties")
        if properties is not None and isinstance(value, dict):
            for name, inner in value.items():
                known = properties.get(name)
                if known is None or known.get("readOnly"):
                    yield f"{path}{name}", name, properties
                else:
                    yield from self.unknown(inner, known, f"{path}{name}.")
        elif isinstance(value, list) and len(value) <= schema.get("maxItems", len(value)):
            items = self.resolved(schema.get("items", {}))
            if "properties" in items or "items" in items:
                for position, inner in enumerate(value):
                    yield from self.unknown(inner, items, f"{path}{position}.")


def contract(urlconf: str | None = None) -> Contract:
    """The contract of the site, made once a process, in about 0.2 seconds and without a query."""
    with _making:
        return _made(urlconf or settings.ROOT_URLCONF)


@lru_cache(maxsize=4)
def _made(urlconf: str) -> Contract:
    # It imports REST framework's views, and with them the parsers, which import this module.
    from drf_spectacular.generators import SchemaGenerator  # noqa: PLC0415

    return Contract(SchemaGenerator(urlconf=urlconf).get_schema(request=None, public=True))


def check_query(request: HttpRequest) -> None:
    """Raises ValidationError naming the parameters that the endpoint does not know and those given without a value."""
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
    # REST framework itself reads this one everywhere.
    known_everywhere = {api_settings.URL_FORMAT_OVERRIDE}
    unknown = [(name, name, known) for name in given if name not in known and name not in known_everywhere]
    if unknown:
        raise _refusal(operation, "parameter", unknown)
    empty = [name for name in given if not all(value.strip() for value in given.getlist(name))]
    if empty:
        raise InvalidFieldsError(dict.fromkeys(empty, EMPTY))


def check_body(request: HttpRequest, body: Any) -> None:
    """Raises ValidationError naming the fields of a JSON body that the endpoint does not know or only shows."""
    rules = contract()
    operation = rules.operation(request)
    if operation is None or not isinstance(body, dict):
        return
    unknown = list(rules.unknown(body, rules.body_schema(operation)))
    if unknown:
        raise _refusal(operation, "field", unknown)


def _refusal(
    operation: Schema, kind: str, unknown: Collection[tuple[str, str, Collection[str] | Schema]]
) -> InvalidFieldsError:
    """The error for all of these, of which the first MAX_ERRORS are put into words."""
    worded = {}
    for path, name, known in list(unknown)[:MAX_ERRORS]:
        own = operation.get(UNSUPPORTED, {}).get(path)
        settable = sorted(known)
        if isinstance(known, Mapping):
            own = own or (READ_ONLY if name in known else None)
            settable = [other for other in settable if not known[other].get("readOnly")]
        worded[path] = own or _nearest(kind, name, settable)
    return InvalidFieldsError(worded, left_out=len(unknown) - len(worded))


def _nearest(kind: str, name: str, known: list[str]) -> str:
    """That there is no such name, and which one may be meant."""
    found = difflib.get_close_matches(name[:_LONGEST_COMPARED].lower(), known, n=1, cutoff=0.5)
    if found:
        return f"There is no such {kind}. Did you mean {found[0]}?"
    return f"There is no such {kind}. Known: {', '.join(known)}." if known else f"There is no such {kind}."


@lru_cache(maxsize=1000)
def _shape(path: str) -> str:
    """A route or a path of the schema without the names of its placeholders, which differ between the two."""
    return _PLACEHOLDER.sub("{}", path)

"""Every endpoint names its scope, in the code, the schema and the documentation alike."""

import re

import pytest
from django.conf import settings
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

from accounts.clients.authentication import scope_of
from accounts.clients.scopes import Scope

METHODS = ("get", "post", "put", "patch", "delete")


def views(patterns=None, prefix: str = ""):
    """The route and view class of every class-based view of the site."""
    for pattern in get_resolver().url_patterns if patterns is None else patterns:
        if isinstance(pattern, URLResolver):
            yield from views(pattern.url_patterns, f"{prefix}{pattern.pattern}")
        elif isinstance(pattern, URLPattern) and hasattr(pattern.callback, "cls"):
            yield f"{prefix}{pattern.pattern}", pattern.callback.cls


def scopes() -> dict[tuple[str, str], str]:
    """The scope of each operation that accepts a key, by method and path."""
    return {
        (method.upper(), re.sub(r"<\w+:(\w+)>", r"{\1}", f"/{route}")): scope
        for route, view in views()
        for method in METHODS
        if hasattr(view, method) and (scope := scope_of(view, method.upper()))
    }


def test_every_scope_that_a_view_names_exists():
    named = {scope for _, view in views() for scope in getattr(view, "client_scopes", {}).values()}

    assert named == set(Scope.values) - {"catalogue:write"}


def test_a_method_with_a_scope_exists():
    for route, view in views():
        for method in getattr(view, "client_scopes", {}):
            assert hasattr(view, method.lower()), route


def test_the_schema_names_the_scope_of_each_operation(db):
    schema = Client().get("/api/schema/", HTTP_ACCEPT="application/json").json()
    named = {}
    for path, operations in schema["paths"].items():
        for method, operation in operations.items():
            scope = re.search(r"With an API key: scope `([\w:]+)`", operation.get("description", ""))
            keys = {"apiKey": []} in operation.get("security", [])
            assert keys == bool(scope), (method, path)
            if scope:
                named[method.upper(), re.sub(r"\{\w+\}", "{}", path)] = scope[1]

    assert named == {(method, re.sub(r"\{\w+\}", "{}", path)): scope for (method, path), scope in scopes().items()}


@pytest.mark.parametrize("scope", Scope.values)
def test_the_documentation_lists_what_a_scope_opens(scope):
    section = (settings.BASE_DIR / "docs" / "api.md").read_text()
    [row] = re.findall(rf"^\| `{scope}` \| (.*) \|$", section, re.MULTILINE)
    opened = [path for (_, path), needed in scopes().items() if needed == scope]

    for path in opened:
        last = [part for part in path.split("/") if part and "{" not in part][-1]
        assert f"{last}/" in row, path
    assert bool(opened) == (scope != "catalogue:write")

"""The admin's search field for pages: which models' names hold what was typed."""

from typing import Any

from unfold.dataclasses import SearchResult

MAX_TYPED = 100


def pages_named(app_list: list[dict[str, Any]], typed: str) -> list[SearchResult]:
    """The lists whose own name or group's name holds ``typed``, of those that the person may open. No query."""
    words = typed[:MAX_TYPED].lower().split()
    if not words:
        return []
    return [
        SearchResult(title=str(model["name"]), description=str(app["name"]), link=model["admin_url"], icon="list")
        for app in app_list
        for model in app["models"]
        if model.get("admin_url") and all(word in f"{model['name']} {app['name']}".lower() for word in words)
    ]

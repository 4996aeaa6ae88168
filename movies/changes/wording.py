"""The fields and values of changes as staff read them."""

from dataclasses import dataclass
from typing import Any

from movies.changes.models import MovieChange
from movies.changes.snapshots import FIELDS

_LABELS = {"credits": "people", "certificates": "certificates", "runtime_minutes": "runtime", "poster_url": "poster"}
# Longer texts are cut in the history.
_MAX_LETTERS = 600


@dataclass(frozen=True)
class FieldChange:
    """A changed field in words; ``added`` and ``removed`` are the difference of lists."""

    label: str
    before: str
    after: str
    added: list[str]
    removed: list[str]


def field_label(name: str) -> str:
    """The name of a field, such as "runtime"."""
    return _LABELS.get(name, name.replace("_", " "))


def value_in_words(name: str, value: Any) -> str:
    """A value of a snapshot as text; "empty" for none."""
    text = ", ".join(_entries(name, value)) if isinstance(value, list | dict) else "" if value is None else str(value)
    return f"{text[:_MAX_LETTERS]}…" if len(text) > _MAX_LETTERS else text or "empty"


def change_in_words(change: MovieChange) -> list[FieldChange]:
    """The changed fields, in a fixed order; lists also by what was added and removed."""
    shown = []
    for name in FIELDS:
        if name not in change.after:
            continue
        before, after = change.before.get(name), change.after[name]
        added: list[str] = []
        removed: list[str] = []
        if isinstance(after, list | dict) and isinstance(before, list | dict):
            old, new = _entries(name, before), _entries(name, after)
            added = [entry for entry in new if entry not in old]
            removed = [entry for entry in old if entry not in new]
        elif not change.before and not after:
            # A field that a new movie has no value for.
            continue
        shown.append(
            FieldChange(field_label(name), value_in_words(name, before), value_in_words(name, after), added, removed)
        )
    return shown


def _entries(name: str, value: Any) -> list[str]:
    if name == "genres":
        return [row[1] for row in value]
    if name == "credits":
        return [f"{person} ({role} {position})" for _, person, role, position in value]
    if name == "availability":
        return [f"{region} {first or '…'} to {last or '…'}" for region, first, last in value]
    if isinstance(value, dict):
        return [f"{country} {certificate}" for country, certificate in value.items()]
    return [str(entry) for entry in value]

"""Everything stored of one person, as JSON and CSV in a zip.

The tables are found by their foreign keys to the user, so that a new one is exported without a word here. Fields that
let somebody sign in are left out, and what names other people.
"""

import csv
import io
import json
import re
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO, Any
from zipfile import ZIP_DEFLATED, ZipFile

from django.contrib.sessions.models import Session
from django.core.exceptions import FieldDoesNotExist
from django.core.serializers.json import DjangoJSONEncoder
from django.db.models import CASCADE, Model, Q
from django.utils import timezone

from accounts.deletion import sessions_of
from accounts.models import User

# A larger file is on the disk while it is sent.
MEMORY_BYTES = 4 * 1024 * 1024
_ROWS = 2000
# Whoever holds such a value may sign in, or try to find out a password.
_SECRET = re.compile(r"password|secret|token|key|hash", re.IGNORECASE)
# Lines of the admin's log name what staff did with other people.
_OF_OTHERS = {"admin.logentry": {"object_repr", "change_message"}}
# Tables that refer to one of a person's rows, and not to the person, with the reason why they are not exported.
INDIRECT: dict[str, str] = {"otp_static.statictoken": "holds nothing but digests of recovery codes"}
# Spreadsheets run a text that begins with one of these.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_README = """Everything stored of user {pk}, {at}.

Each table is there as JSON and as CSV. In a CSV, a text that a spreadsheet would run as a formula has a ' before it.
Left out are values that let somebody sign in, such as the hash of the password, and what names other people.
"""


@dataclass(frozen=True)
class Table:
    """The rows of one model that belong to a person: each of ``lookups`` leads from the model to the user."""

    model: type[Model]
    lookups: tuple[str, ...]
    columns: tuple[str, ...]

    @property
    def name(self) -> str:
        return self.model._meta.db_table


def export_tables() -> list[Table]:
    """The tables with rows of a person, in the order of their names: the user, and all that refer to it."""
    lookups: dict[tuple[type[Model], tuple[str, ...]], list[str]] = {(User, _columns(User)): ["pk"]}
    relations: list[Any] = User._meta.get_fields(include_hidden=True)
    for relation in relations:
        if not relation.auto_created or relation.concrete or not (relation.one_to_many or relation.one_to_one):
            continue
        model, field = relation.related_model, relation.field
        # Rows that outlive the person are not theirs: it is exported only which ones they are.
        columns = _columns(model) if relation.on_delete is CASCADE else (model._meta.pk.name,)
        lookups.setdefault((model, columns), []).append(field.name)
    found = [Table(model, tuple(sorted(names)), columns) for (model, columns), names in lookups.items()]
    return sorted(found, key=lambda table: table.name)


def export_write(*, user: User) -> IO[bytes]:
    """The zip, as a file at its beginning, which is deleted when it is closed. A query a table."""
    file = tempfile.SpooledTemporaryFile(max_size=MEMORY_BYTES)  # noqa: SIM115 -- the caller closes it.
    with ZipFile(file, "w", ZIP_DEFLATED) as archive:
        archive.writestr("README.txt", _README.format(pk=user.pk, at=timezone.now().isoformat(timespec="seconds")))
        for table in export_tables():
            _write(archive, table.name, table.columns, _rows(table, user))
        ends = Session.objects.filter(pk__in=sessions_of(user)).values_list("expire_date", flat=True)
        _write(archive, Session._meta.db_table, ("expire_date",), ({"expire_date": end} for end in ends))
    file.seek(0)
    return file


def _columns(model: type[Model]) -> tuple[str, ...]:
    """The fields that are exported; a row that names a movie has its title too."""
    left_out = _OF_OTHERS.get(model._meta.label_lower, set())
    names: list[str] = []
    for field in model._meta.concrete_fields:
        if field.name in left_out or (_SECRET.search(field.name) and not field.is_relation and not field.primary_key):
            continue
        names.append(field.name)
        if field.is_relation and field.related_model is not User and _has_title(field):
            names.append(f"{field.name}__title")
    return tuple(names)


def _has_title(field: Any) -> bool:
    try:
        field.related_model._meta.get_field("title")
    except FieldDoesNotExist:
        return False
    return True


def _rows(table: Table, user: User) -> Iterator[dict[str, Any]]:
    own = Q(*((lookup, user.pk) for lookup in table.lookups), _connector=Q.OR)
    rows = table.model._base_manager.filter(own).order_by("pk")
    return rows.values(*table.columns).iterator(chunk_size=_ROWS)


def _write(archive: ZipFile, name: str, columns: tuple[str, ...], rows: Iterator[dict[str, Any]]) -> None:
    """Writes the rows as JSON, and beside it as CSV, in one pass."""
    with tempfile.SpooledTemporaryFile(max_size=MEMORY_BYTES) as spooled:
        text = io.TextIOWrapper(spooled, encoding="utf-8", newline="", write_through=True)
        table = csv.writer(text)
        table.writerow(columns)
        with archive.open(f"json/{name}.json", "w") as entry:
            separator = b"[\n"
            for row in rows:
                entry.write(separator + json.dumps(row, cls=DjangoJSONEncoder, ensure_ascii=False).encode())
                table.writerow([_cell(row[column]) for column in columns])
                separator = b",\n"
            entry.write(b"[]\n" if separator == b"[\n" else b"\n]\n")
        text.detach()
        spooled.seek(0)
        with archive.open(f"csv/{name}.csv", "w") as entry:
            while block := spooled.read(65_536):
                entry.write(block)


def _cell(value: Any) -> str:
    """A value in a CSV: texts as they are, unless they look like a formula; anything else as in JSON."""
    if isinstance(value, str):
        return f"'{value}" if value.startswith(_FORMULA) else value
    return "" if value is None else json.dumps(value, cls=DjangoJSONEncoder, ensure_ascii=False).strip('"')

"""Rows that many tests start with: made once through the models, then copied with new ids, which is eight times faster.

Each copy has ids and times of its own, as if it had been made that moment: nothing that a process caches by id can
come from an earlier test.
"""

from collections.abc import Callable, Sequence
from copy import copy
from datetime import datetime, timedelta
from typing import Any

from django.db import connection, models, transaction
from django.db.models.fields.related import ForeignKey
from django.utils import timezone

from movies.models import Movie

_NULL = r"\N"


class _Table:
    """The rows of one model's table, in the text form of COPY."""

    def __init__(self, model: type[models.Model]) -> None:
        self.model, self.name = model, connection.ops.quote_name(model._meta.db_table)
        fields = [field for field in model._meta.concrete_fields if not field.generated]
        self.columns = ", ".join(connection.ops.quote_name(field.column) for field in fields)
        # The table that the numbers of a column belong to.
        self.refers = {place: _target(field) for place, field in enumerate(fields) if _target(field)}
        self.times = [place for place, field in enumerate(fields) if isinstance(field, models.DateTimeField)]
        self.first, self.rows = 0, []

    def read(self) -> None:
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT min(id) FROM {self.name}")
            self.first = cursor.fetchone()[0]
            with cursor.copy(f"COPY (SELECT {self.columns} FROM {self.name} ORDER BY id) TO STDOUT") as lines:
                text = b"".join(bytes(block) for block in lines).decode()
        self.rows = [line.split("\t") for line in text.splitlines()]

    def reserve_sql(self) -> str:
        sequence = f"pg_get_serial_sequence('{self.name}', 'id')"
        return f"setval({sequence}, nextval({sequence}) + {len(self.rows) - 1})"

    def write(self, shifts: dict[type[models.Model], int], passed: timedelta) -> None:
        lines = "".join("\t".join(self._shifted(row, shifts, passed)) + "\n" for row in self.rows)
        with connection.cursor() as cursor, cursor.copy(f"COPY {self.name} ({self.columns}) FROM STDIN") as copying:
            copying.write(lines)

    def _shifted(self, row: list[str], shifts: dict[type[models.Model], int], passed: timedelta) -> list[str]:
        row = list(row)
        for place, target in self.refers.items():
            if row[place].startswith("{"):
                numbers = [str(int(number) + shifts[target]) for number in row[place][1:-1].split(",")]
                row[place] = "{" + ",".join(numbers) + "}"
            elif row[place] != _NULL and target in shifts:
                row[place] = str(int(row[place]) + shifts[target])
        for place in self.times:
            if row[place] != _NULL:
                row[place] = (datetime.fromisoformat(row[place]) + passed).isoformat()
        return row


def _target(field: models.Field) -> type[models.Model] | None:
    """The model whose ids the field holds: its own, another's, or movies' by the name of an array."""
    if isinstance(field, ForeignKey):
        return field.related_model
    if field.primary_key:
        return field.model
    if field.name == "movie_ids":
        return Movie
    return None


class Snapshot:
    """A world of rows. ``make`` fills empty tables of the models and returns an object whose attributes are instances,
    or lists or dictionaries of them; each call returns such an object for rows of its own."""

    def __init__(self, make: Callable[[], Any], tables: Sequence[type[models.Model]]) -> None:
        self._make, self._models = make, tables
        self._tables: list[_Table] = []

    def __call__(self) -> Any:
        with transaction.atomic():
            if not self._tables:
                return self._first()
            with connection.cursor() as cursor:
                cursor.execute("SELECT " + ", ".join(table.reserve_sql() for table in self._tables))
                last = cursor.fetchone()
            shifts = {
                table.model: number - (len(table.rows) - 1) - table.first
                for table, number in zip(self._tables, last, strict=True)
            }
            passed = timezone.now() - self._made_at
            for table in self._tables:
                table.write(shifts, passed)
        return _moved(self._world, shifts, passed)

    def _first(self) -> Any:
        if any(model._default_manager.exists() for model in self._models):
            return self._make()
        made = self._make()
        # Only now, so that no copy has a time of the future.
        self._made_at = timezone.now()
        tables = [_Table(model) for model in self._models]
        for table in tables:
            table.read()
        self._world, self._tables = _moved(made, dict.fromkeys(self._models, 0), timedelta()), tables
        return made


def _moved(value: Any, shifts: dict[type[models.Model], int], passed: timedelta) -> Any:
    """A copy of an instance or of what holds instances, with the new ids and times."""
    if isinstance(value, models.Model):
        moved = copy(value)
        moved._state.fields_cache.clear()
        for field in moved._meta.concrete_fields:
            held = moved.__dict__.get(field.attname)
            if held is not None and (target := _target(field)) in shifts and isinstance(held, int):
                setattr(moved, field.attname, held + shifts[target])
            elif isinstance(held, datetime):
                setattr(moved, field.attname, held + passed)
        return moved
    if isinstance(value, dict):
        return {key: _moved(one, shifts, passed) for key, one in value.items()}
    if isinstance(value, list):
        return [_moved(one, shifts, passed) for one in value]
    if hasattr(value, "__dict__"):
        moved = object.__new__(type(value))
        moved.__dict__.update({name: _moved(one, shifts, passed) for name, one in vars(value).items()})
        return moved
    return value

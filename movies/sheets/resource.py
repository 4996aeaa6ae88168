"""Movies as rows of a sheet, for django-import-export."""

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

import tablib
from django.core.exceptions import ValidationError
from django.db.models import Q, QuerySet
from django.utils.html import format_html
from django.utils.safestring import SafeString
from import_export import fields, resources, results, widgets

from movies.changes.frozen import movies_frozen
from movies.changes.services import movies_lock
from movies.db.advisory_locks import transaction_lock
from movies.models import Genre, Movie
from movies.sheets.columns import COLUMNS, KEYS, Column, read_imdb_id, read_number
from movies.sheets.formulas import escaped
from movies.sheets.writing import rows_write

# Rows that the preview shows; all are counted.
MAX_SHOWN = 200
_LOCK = "sheet-import"
# What XML cannot hold, so neither an XLSX file. Ids, languages and URLs are stored as they were typed.
_NOT_IN_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")


class _Cell(widgets.Widget):
    """Reads and writes the cells of one column."""

    def __init__(self, column: Column, resource: Any) -> None:
        super().__init__()
        self.column, self.resource = column, resource

    def clean(self, value: Any, row: Any = None, **kwargs: Any) -> Any:
        if self.column.name == "genres":
            return self.column.read(value, self.resource.genre_names)
        return self.column.read(value)

    def render(self, value: Any, obj: Any = None, **kwargs: Any) -> str:
        return escaped(_NOT_IN_XML.sub("", self.column.write(value)))


class _Diff(resources.Diff):
    """The difference of two movies as cells without styles, which the Content-Security-Policy forbids."""

    def as_html(self) -> list[SafeString]:
        cells = []
        for old, new in zip(self.left, self.right, strict=True):
            if self.new or old == new:
                cells.append(format_html("{}", new))
            else:
                cells.append(format_html("<del>{}</del> <ins>{}</ins>", old, new))
        return cells


class _Result(results.Result):
    """Counts all rows and keeps the first ones that are shown; row numbers are those of the sheet."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.invalid_count = 0

    def append_invalid_row(self, number: int, row: Any, validation_error: ValidationError) -> None:
        self.invalid_count += 1
        if len(self.invalid_rows) < MAX_SHOWN:
            # The header is row 1.
            super().append_invalid_row(number + 1, row, validation_error)

    def valid_rows(self) -> list[Any]:
        rows: list[Any] = super().valid_rows()
        return rows[:MAX_SHOWN]

    def changing_count(self) -> int:
        """How many rows add or change a movie."""
        return int(self.totals["new"] + self.totals["update"])


class MovieResource(resources.ModelResource):
    """Reads rows, compares each with its movie, and writes all that differ at the end, or nothing.

    A cell sets its field, an empty one empties it, except for the status, which stays. A row is about the movie of its
    ``id``, else ``movielens_id``, else ``imdb_id``; without such a movie it adds one, as a draft unless it has a
    status.
    """

    class Meta:
        model = Movie
        fields: Sequence[str] = ()
        skip_unchanged = True
        report_skipped = False
        use_transactions = True
        # Nothing is saved row by row; it also saves a savepoint for each.
        use_bulk = True

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.fields = {
            column.name: fields.Field(column.attribute or column.name, column.name, widget=_Cell(column, self))
            for column in COLUMNS
        }
        for field in self.fields.values():
            field.saves_null_values = field.column_name not in ("status", "id")
        self.headers: list[str] = []
        self.genre_names: dict[str, str] = {}
        self._frozen: dict[int, str] = {}
        self._by: dict[str, dict[Any, list[Movie]]] = {key: defaultdict(list) for key in KEYS}
        self._rows: dict[Any, int] = {}
        self._number = 0
        self.planned: list[tuple[Movie, bool]] = []

    def get_import_order(self) -> list[str]:
        """The columns of the file, in their order; all columns before a file is read."""
        return self.headers or list(self.fields)

    def get_export_order(self) -> list[str]:
        """All columns."""
        return list(self.fields)

    def get_result_class(self) -> type[_Result]:
        return _Result

    def get_diff_class(self) -> type[_Diff]:
        return _Diff

    def import_data_inner(self, dataset: tablib.Dataset, *args: Any, **kwargs: Any) -> Any:
        self.headers = list(dataset.headers)
        return super().import_data_inner(dataset, *args, **kwargs)

    def before_import(self, dataset: tablib.Dataset, **kwargs: Any) -> None:
        """Reads every movie that the file names, in seven queries; a real import locks them."""
        transaction_lock(_LOCK)
        for name in Genre.objects.values_list("name", flat=True):
            self.genre_names[name.casefold()] = name
        wanted: dict[str, set[Any]] = {key: set() for key in KEYS}
        for row in dataset.dict:
            for key, value in _keys_of(row)[0].items():
                wanted[key].add(value)
        ids, movielens_ids, imdb_ids = (list(wanted[key]) for key in KEYS)
        named = Q(pk__in=ids) | Q(movielens_id__in=movielens_ids) | Q(imdb_id__in=imdb_ids)
        movies = Movie.objects.filter(named).defer("search_document", "search_title", "search_initials")
        if not kwargs.get("dry_run"):
            movies_lock(movies.values_list("pk", flat=True))
        for movie in with_lists(movies.order_by("pk")):
            self._by["id"][movie.pk].append(movie)
            self._by["movielens_id"][movie.movielens_id].append(movie)
            self._by["imdb_id"][movie.imdb_id].append(movie)
        self._frozen = movies_frozen(list(self._by["id"]))

    def before_import_row(self, row: dict[str, str], **kwargs: Any) -> None:
        self._number = kwargs["row_number"] + 1

    def get_instance(self, instance_loader: Any, row: dict[str, str]) -> Movie | None:
        """The movie of a row; None for a new one. Raises ValidationError if that is not clear."""
        keys, errors = _keys_of(row)
        if errors:
            raise ValidationError(errors)
        if not keys:
            raise ValidationError(f"Give one of {', '.join(KEYS)}, which say which movie the row is about.")
        found: list[Movie] = []
        for key, value in keys.items():
            found = found or self._living(self._by[key].get(value, []))
            if key == "id" and not found:
                raise ValidationError({"id": [f"There is no movie with the id {value}."]})
            if len(found) > 1:
                raise ValidationError({key: [f"{len(found)} movies have {value}: name one by its id."]})
            if found and found[0].pk in self._frozen:
                raise ValidationError({key: [self._frozen[found[0].pk]]})
        names = [("id", movie.pk) for movie in found] or [item for item in keys.items() if item[0] != "id"]
        for name in names:
            if name in self._rows:
                raise ValidationError(f"Row {self._rows[name]} is about the same movie.")
        self._rows |= dict.fromkeys(names, self._number)
        return found[0] if found else None

    def _living(self, movies: list[Movie]) -> list[Movie]:
        """The movies that a row may be about: without merged ones, whose ids their targets have, if others are left."""
        return [movie for movie in movies if movie.pk not in self._frozen] or movies

    def init_instance(self, row: dict[str, str] | None = None) -> Movie:
        movie = Movie(status=Movie.Status.DRAFT)
        _set_lists(movie, (), {})
        return movie

    def validate_instance(
        self, instance: Movie, import_validation_errors: Any = None, validate_unique: bool = True
    ) -> None:
        errors = {_column_of(name): error for name, error in (import_validation_errors or {}).items()}
        if not instance.pk and "title" not in errors and not instance.title:
            errors["title"] = [ValidationError("A new movie needs a title.")]
        owners = self._by["movielens_id"].get(instance.movielens_id, []) if instance.movielens_id is not None else []
        if any(owner.pk != instance.pk for owner in owners):
            errors["movielens_id"] = [ValidationError(f"{owners[0]} has this id.")]
        elif instance.movielens_id is not None:
            taken = self._rows.setdefault(("movielens_id", instance.movielens_id), self._number)
            if taken != self._number:
                errors["movielens_id"] = [ValidationError(f"Row {taken} has this id.")]
        if errors:
            raise ValidationError(errors)

    def save_instance(self, instance: Movie, is_create: bool, row: dict[str, str], **kwargs: Any) -> None:
        """Plans the row; ``after_import`` writes."""
        self.planned.append((instance, is_create))

    def after_import(self, dataset: tablib.Dataset, result: _Result, **kwargs: Any) -> None:
        """Writes all planned rows of a real import without any error."""
        if kwargs.get("dry_run") or result.has_errors() or result.has_validation_errors() or not self.planned:
            return
        rows_write(planned=self.planned, columns=self.headers, user_id=getattr(kwargs.get("user"), "pk", None))

    def iter_queryset(self, queryset: QuerySet[Movie]) -> Iterator[Movie]:
        """By id, a thousand at a time."""
        return with_lists(queryset.order_by("pk"))


def with_lists(movies: QuerySet[Movie]) -> Iterator[Movie]:
    """The movies with their genres as ``sheet_genres`` and certificates as ``sheet_certificates``."""
    for movie in movies.prefetch_related("genres", "certificates").iterator(chunk_size=1000):
        names = tuple(sorted(genre.name for genre in movie.genres.all()))
        _set_lists(movie, names, {one.country: one.certificate for one in movie.certificates.all()})
        yield movie


def _set_lists(movie: Any, genres: tuple[str, ...], certificates: dict[str, str]) -> None:
    movie.sheet_genres = genres
    movie.sheet_certificates = dict(sorted(certificates.items()))


def _keys_of(row: dict[str, str]) -> tuple[dict[str, Any], dict[str, list[str]]]:
    """The values of the row's key columns, and the errors of those that cannot be read."""
    keys: dict[str, Any] = {}
    errors: dict[str, list[str]] = {}
    for key in KEYS:
        try:
            value = (read_imdb_id if key == "imdb_id" else read_number)(row.get(key, ""))
        except ValueError as error:
            errors[key] = [str(error)]
        else:
            if value not in ("", None):
                keys[key] = value
    return keys, errors


def _column_of(attribute: str) -> str:
    return attribute.removeprefix("sheet_")

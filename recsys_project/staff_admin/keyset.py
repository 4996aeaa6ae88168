"""Lists of the admin for tables of millions of rows: newest first, with links to older and newer rows.

A page is read from an index at the rows that its link names, so that the last page costs what the first one does.
Nothing is counted. A filter that no index helps reads at most SCAN_ROWS rows; the next page goes on from there.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, time, timedelta
from typing import Any

from django.contrib.admin import ShowFacets
from django.contrib.admin.views.main import IGNORED_PARAMS, ChangeList
from django.core.exceptions import BadRequest, ValidationError
from django.core.paginator import Paginator
from django.db.models import Model, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.dateparse import parse_date

from recsys_project.staff_admin import StaffModelAdmin

BEFORE_VAR, AFTER_VAR, UNTIL_VAR = "before", "after", "until"
SCAN_ROWS = 200_000
_MAX_CURSOR = 100


class KeysetChangeList(ChangeList):
    """A page of rows older than ``before``, newer than ``after``, or not later than the day ``until``."""

    model_admin: Any
    older_url = newer_url = newest_url = ""
    until = ""
    # What of a filtered list was searched, if not all of it: the key of the oldest row.
    searched_until: Any = None

    def get_queryset(self, request: HttpRequest, exclude_parameters: Any = None) -> QuerySet[Any]:
        """Takes the cursor out of what Django reads as filters."""
        for name in (BEFORE_VAR, AFTER_VAR, UNTIL_VAR):
            self.params.pop(name, None)
            self.filter_params.pop(name, None)
        return super().get_queryset(request, exclude_parameters)

    def get_ordering(self, request: HttpRequest, queryset: QuerySet[Any]) -> list[Any]:
        """Newest first, whatever the query says: no other order has an index."""
        return [f"-{name}" for name in self.model_admin.keyset]

    def get_results(self, request: HttpRequest) -> None:
        """Reads one page: one query, and one more for a filter without an index or a day."""
        admin, size = self.model_admin, self.list_per_page
        older, newer = _cursor(request, BEFORE_VAR, admin), _cursor(request, AFTER_VAR, admin)
        forward = newer is not None
        within = self._start(request, older, newer)
        end = None if within is None else self._scan_end(within, forward)
        rows: list[Any] = []
        if within is not None:
            limit = Q() if end is None else _beyond(admin.keyset, end, "lte" if forward else "gte")
            ordered = self.queryset.order_by(*admin.keyset) if forward else self.queryset
            rows = list(ordered.filter(within & limit)[: size + 1])
        more, rows = len(rows) > size, rows[:size]
        if forward:
            rows.reverse()
        admin.prepare_rows(request, rows)
        self._link(rows, forward=forward, more=more, end=end, moved=older is not None or bool(self.until))
        self.result_list = rows
        self.result_count = self.full_result_count = len(rows)
        self.show_full_result_count = self.can_show_all = self.multi_page = False
        self.show_admin_actions = True
        self.paginator = Paginator(rows, size)

    def _start(self, request: HttpRequest, older: Any, newer: Any) -> Q | None:
        """The condition of rows from the cursor on; None if there is none."""
        admin = self.model_admin
        if newer is not None:
            return _beyond(admin.keyset, newer, "gt")
        if older is not None:
            return _beyond(admin.keyset, older, "lt")
        text = request.GET.get(UNTIL_VAR, "")
        if not text or not admin.day_field:
            return Q()
        start, end = _day(text)
        self.until = text
        if admin.day_field == admin.keyset[0]:
            return Q(**{f"{admin.day_field}__lt": end})
        row = admin.last_of_day(self.root_queryset, start, end).values_list(*admin.keyset).first()
        return None if row is None else _beyond(admin.keyset, row, "lte")

    def _scan_end(self, within: Q, forward: bool) -> Any:
        """The key of the last row that a filter without an index looks at; None without such a filter or row."""
        admin = self.model_admin
        unindexed = set(self.filter_params) - set(IGNORED_PARAMS) - set(admin.indexed_params)
        if self.query or not unindexed:
            return None
        keys = admin.keyset if forward else [f"-{name}" for name in admin.keyset]
        rows = self.root_queryset.order_by(*keys).filter(within).values_list(*admin.keyset)
        return rows[admin.scan_rows - 1 : admin.scan_rows].first()

    def _link(self, rows: Sequence[Any], *, forward: bool, more: bool, end: Any, moved: bool) -> None:
        keyset = self.model_admin.keyset
        first = _text([getattr(rows[0], name) for name in keyset]) if rows else ""
        last = _text([getattr(rows[-1], name) for name in keyset]) if rows else ""
        if end is not None and not more:
            # The filter goes on beyond what it has searched.
            first, last = (_text(end), last) if forward else (first, _text(end))
            self.searched_until, more = end[0], True
        if last and (more or forward):
            self.older_url = self.get_query_string({BEFORE_VAR: last})
        if first and (more if forward else moved):
            self.newer_url = self.get_query_string({AFTER_VAR: first})
        if forward or moved:
            self.newest_url = self.get_query_string()


class KeysetAdmin(StaffModelAdmin):
    """The pages of a table of millions of rows.

    keyset: the fields that order the rows, newest last, with an index; together unique. day_field: the moment to jump
    to, with an index; empty for none. indexed_params: parameters of filters that an index answers.
    """

    keyset: Sequence[str] = ("id",)
    day_field = ""
    indexed_params: Sequence[str] = ()
    scan_rows = SCAN_ROWS
    change_list_template: Any = "admin/keyset_change_list.html"
    list_per_page = 50
    show_full_result_count = False
    show_facets = ShowFacets.NEVER
    sortable_by: Any = ()

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        """The site's own kind of list, read by keys."""
        return type("ChangeList", (KeysetChangeList, super().get_changelist(request, **kwargs)), {})

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Refuses an action on all rows of all pages."""
        if request.POST.get("select_across", "0") != "0":
            raise BadRequest("An action is for the rows of one page.")
        response: HttpResponse = super().changelist_view(request, extra_context)
        return response

    def last_of_day(self, rows: QuerySet[Any], start: datetime, end: datetime) -> QuerySet[Any]:
        """Rows whose first is the last one before ``end``; used where ``day_field`` is not what orders the list."""
        return rows.filter(**{f"{self.day_field}__lt": end}).order_by(f"-{self.day_field}")

    def prepare_rows(self, request: HttpRequest, rows: Sequence[Model]) -> None:
        """Called with the rows of a page before they are shown, to read for all of them what columns need."""


def _cursor(request: HttpRequest, name: str, admin: KeysetAdmin) -> tuple[Any, ...] | None:
    """The values of the cursor in the query. Raises BadRequest."""
    text = request.GET.get(name)
    if text is None:
        return None
    parts = text.split(",")
    if len(text) > _MAX_CURSOR or len(parts) != len(admin.keyset):
        raise BadRequest(f"{name} is no row of this list.")
    fields: Mapping[str, Any] = {field.name: field for field in admin.model._meta.fields}
    try:
        values = tuple(fields[key].to_python(part) for key, part in zip(admin.keyset, parts, strict=True))
        for value in values:
            if isinstance(value, datetime) and timezone.is_aware(value):
                value.astimezone(UTC)  # OverflowError for a moment that PostgreSQL has no year for.
    except (ValidationError, ValueError, OverflowError) as error:
        raise BadRequest(f"{name} is no row of this list.") from error
    if any(value is None or (isinstance(value, datetime) and timezone.is_naive(value)) for value in values):
        raise BadRequest(f"{name} is no row of this list.")
    return values


def _beyond(keyset: Sequence[str], values: Sequence[Any], lookup: str) -> Q:
    """Rows beyond ``values``, by one field or two; the outer condition on the first is what an index reads."""
    strict, last = lookup[:2], len(keyset) - 1
    if last == 0:
        return Q(**{f"{keyset[0]}__{lookup}": values[0]})
    outer, inner = keyset
    ties = Q(**{f"{outer}__{strict}": values[0]}) | Q(**{f"{inner}__{lookup}": values[1]})
    return Q(**{f"{outer}__{strict}e": values[0]}) & ties


def _text(values: Sequence[Any]) -> str:
    return ",".join(value.isoformat() if isinstance(value, datetime) else str(value) for value in values)


def _day(text: str) -> tuple[datetime, datetime]:
    """The begin and end of a day. Raises BadRequest."""
    try:
        day = parse_date(text)
        if day is None:
            raise ValueError(text)
        start = timezone.make_aware(datetime.combine(day, time.min))
        return start, start + timedelta(days=1)
    except (ValueError, OverflowError) as error:
        raise BadRequest(f"{UNTIL_VAR} is no day: write 2026-05-31.") from error

"""The staff log: who looked at and changed what in the admin."""

from typing import Any

from django.contrib import admin
from django.contrib.admin.models import ADDITION, CHANGE, DELETION, LogEntry
from django.db.models import Model, Q, QuerySet
from django.http import HttpRequest

from accounts.keyset_admin import KeysetAdmin
from accounts.people_search import people_named
from accounts.staff_log import VIEW

_WORDS = {ADDITION: "added", CHANGE: "changed", DELETION: "deleted", VIEW: "looked at"}


@admin.register(LogEntry)
class LogEntryAdmin(KeysetAdmin):
    """A log: nobody adds, edits or deletes lines."""

    list_display = ("action_time", "user", "done", "content_type", "object_repr", "get_change_message")
    list_display_links = None
    list_select_related = ("user", "content_type")
    ordering = ("-id",)
    # Present so that the search box is shown; get_search_results decides what it means.
    search_fields = ("user__email",)
    search_help_text = "The e-mail address or id of a member of staff: what they did."

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[LogEntry], search_term: str
    ) -> tuple[QuerySet[LogEntry], bool]:
        """Finds by what has an index."""
        term = search_term.replace("\x00", "").strip()
        if not term:
            return queryset, False
        people = people_named(term, addresses=request.user.has_perm("accounts.view_user"))
        return queryset.filter(Q(user_id__in=people)), False

    @admin.display(description="what")
    def done(self, line: LogEntry) -> str:
        return _WORDS.get(line.action_flag, "?")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Only with the member of staff whose lines they are."""
        page = (request.resolver_match and request.resolver_match.url_name) or ""
        return not page.startswith("admin_logentry_") and super().has_delete_permission(request, obj)

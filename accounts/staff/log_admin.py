"""The staff log: who looked at and changed what in the admin."""

from django.contrib import admin
from django.contrib.admin.models import ADDITION, CHANGE, DELETION, LogEntry
from django.db.models import Q, QuerySet
from django.http import HttpRequest

from accounts.staff.log import VIEW
from accounts.staff.people_search import people_named
from recsys_project.staff_admin import ReadOnlyAdmin
from recsys_project.staff_admin.keyset import KeysetAdmin

_WORDS = {ADDITION: "added", CHANGE: "changed", DELETION: "deleted", VIEW: "looked at"}


@admin.register(LogEntry)
class LogEntryAdmin(ReadOnlyAdmin, KeysetAdmin):
    """Lines are deleted only with the member of staff whose they are."""

    list_display = ("action_time", "user", "done", "content_type", "object", "details")
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

    @admin.display(description="object")
    def object(self, line: LogEntry) -> str:
        return line.object_repr

    @admin.display(description="details")
    def details(self, line: LogEntry) -> str:
        return line.get_change_message()

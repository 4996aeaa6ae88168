"""Warns staff and operators if a change was saved but Redis could not be reached."""

from typing import Any

from django.contrib import messages
from django.core.management.base import BaseCommand
from django.http import HttpRequest, HttpResponse

from movies.caching.version_tokens import has_pending
from recsys_project.staff_admin import StaffModelAdmin

UNANNOUNCED = (
    "The change is saved, but Redis did not answer. No action is needed: cached lists from before the change are"
    " replaced after a second, and one person's own list within a minute of Redis being back."
)


class AnnouncingCommand(BaseCommand):
    """A command whose changes make cached lists wrong; it warns on standard error if Redis did not answer."""

    def execute(self, *args: Any, **options: Any) -> str | None:
        """Runs the command as Django does, then warns if Redis did not answer."""
        try:
            return super().execute(*args, **options)
        finally:
            if has_pending():
                self.stderr.write(self.style.WARNING(UNANNOUNCED))


class AnnouncingAdmin(StaffModelAdmin):
    """An admin whose changes make cached lists wrong; it shows a warning if Redis did not answer.

    The check comes after the view, since tokens are set after its transactions have committed.
    """

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        return self._warned(request, super().changelist_view(request, extra_context))

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        return self._warned(request, super().changeform_view(request, object_id, form_url, extra_context))

    def delete_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        return self._warned(request, super().delete_view(request, object_id, extra_context))

    def _warned(self, request: HttpRequest, response: HttpResponse) -> HttpResponse:
        if request.method == "POST" and has_pending():
            self.message_user(request, UNANNOUNCED, messages.WARNING)
        return response

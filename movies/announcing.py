"""What staff and operators are told when a change stands but Redis could not be told of it; see movies.stamps."""

from typing import Any

from django.contrib import admin, messages
from django.core.management.base import BaseCommand
from django.http import HttpRequest, HttpResponse

from movies.stamps import unannounced

UNANNOUNCED = (
    "The change stands, but Redis did not answer and could not be told. Nothing need be done: lists that were kept"
    " before it end a second after the change, and one person's own within a minute of Redis being back."
)


class AnnouncingCommand(BaseCommand):
    """A command after whose changes cached lists are wrong; it warns on standard error where nobody could be told."""

    def execute(self, *args: Any, **options: Any) -> str | None:
        """Runs the command as Django does, and then says what could not be announced."""
        try:
            return super().execute(*args, **options)
        finally:
            if unannounced():
                self.stderr.write(self.style.WARNING(UNANNOUNCED))


class AnnouncingAdmin(admin.ModelAdmin):
    """An admin after whose changes cached lists are wrong; it shows a warning where nobody could be told.

    Each view is a transaction, or holds some, and has ended them when it returns: only then it is known.
    """

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        return self._told(request, super().changelist_view(request, extra_context))

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        return self._told(request, super().changeform_view(request, object_id, form_url, extra_context))

    def delete_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        return self._told(request, super().delete_view(request, object_id, extra_context))

    def _told(self, request: HttpRequest, response: HttpResponse) -> HttpResponse:
        if request.method == "POST" and unannounced():
            self.message_user(request, UNANNOUNCED, messages.WARNING)
        return response

"""Import and export of movies in the admin: upload, preview, confirm; download."""

from typing import Any

import structlog
from django import forms
from django.contrib import messages
from django.contrib.admin.options import IncorrectLookupParameters
from django.core.exceptions import BadRequest, PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from import_export.admin import ImportExportMixin
from import_export.forms import ConfirmImportForm
from import_export.tmp_storages import CacheStorage
from redis.exceptions import RedisError
from unfold.contrib.import_export.forms import ExportForm, ImportForm

from movies.models import Movie
from movies.sheets.errors import SheetError
from movies.sheets.formats import FORMATS
from movies.sheets.resource import MovieResource

MAX_EXPORTED = 20_000
# A file waits this long between its preview and the confirmation.
PREVIEW_SECONDS = 3600
_EXPIRED = "The preview has expired: upload the file again."
_NOT_KEPT = "The file cannot be kept for its preview at the moment, so nothing is imported. Try again in a minute."
_NOT_READ = "The preview cannot be read at the moment, so nothing is imported. Try again in a minute."

logger = structlog.get_logger(__name__)


class PreviewStorage(CacheStorage):
    """The uploaded file between the preview and the confirmation, in the cache that all web processes share."""

    CACHE_LIFETIME = PREVIEW_SECONDS
    CACHE_PREFIX = "movie-sheet-"

    _kept = True

    def save(self, data: bytes) -> None:
        """Keeps the file. If Redis cannot, the ``read`` that follows says so: there the page takes errors of a file."""
        try:
            super().save(data)
        except (RedisError, OSError) as error:
            logger.warning("import_preview_not_kept", reason=type(error).__name__)
            self._kept = False

    def read(self) -> bytes:
        """The file. Raises SheetError if it is not there, or Redis does not answer."""
        if not self._kept:
            raise SheetError(_NOT_KEPT)
        try:
            content = super().read()
        except (RedisError, OSError) as error:
            logger.warning("import_preview_not_read", reason=type(error).__name__)
            raise SheetError(_NOT_READ) from error
        if not isinstance(content, bytes):
            raise SheetError(_EXPIRED)
        return content

    def remove(self) -> None:
        """Drops the file, whose rows are imported by now. Without Redis it expires by itself."""
        try:
            super().remove()
        except (RedisError, OSError) as error:
            logger.warning("import_preview_not_removed", reason=type(error).__name__)


class ConfirmForm(ConfirmImportForm):
    """Names the previewed file; accepts nothing but what the preview gave out."""

    import_file_name = forms.RegexField(r"\A[0-9a-f]{32}\Z", widget=forms.HiddenInput)
    format = forms.ChoiceField(choices=[(str(i), str(i)) for i in range(len(FORMATS))], widget=forms.HiddenInput)
    resource = forms.ChoiceField(choices=[("0", "0")], required=False, widget=forms.HiddenInput)


class MovieSheetAdmin(ImportExportMixin):
    """The pages of import and export. Import needs the right to add and to change movies, export to view them."""

    resource_classes = [MovieResource]
    formats = FORMATS
    import_template_name = "admin/movie_import.html"
    import_form_class = ImportForm
    confirm_form_class = ConfirmForm
    export_form_class = ExportForm
    tmp_storage_class = PreviewStorage

    def has_import_permission(self, request: HttpRequest) -> bool:
        """Whether the person may add and change movies."""
        admin: Any = self
        return bool(admin.has_add_permission(request) and admin.has_change_permission(request))

    def has_export_permission(self, request: HttpRequest) -> bool:
        """Whether the person may view movies."""
        admin: Any = self
        return bool(admin.has_view_permission(request))

    def add_data_read_fail_error_to_form(self, form: forms.Form, e: Exception) -> None:
        """Says what is wrong with a file; an error that is not about the file is raised again."""
        if not isinstance(e, SheetError):
            raise e
        form.add_error("import_file", str(e))

    def process_import(self, request: HttpRequest, **kwargs: Any) -> HttpResponse:
        """Imports the previewed file."""
        try:
            allowed = request.method == "POST" and self.has_import_permission(request)
            if allowed and not self.create_confirm_form(request).is_valid():
                raise SheetError(_EXPIRED)
            response: HttpResponse = super().process_import(request, **kwargs)
        except SheetError as error:
            messages.error(request, str(error))
            return HttpResponseRedirect(reverse("admin:movies_movie_import"))
        return response

    def process_result(self, result: Any, request: HttpRequest) -> HttpResponse:
        """Shows the errors if the catalogue changed since the preview; then nothing is imported."""
        if result.has_errors() or result.has_validation_errors():
            admin: Any = self
            context = {**admin.admin_site.each_context(request), "title": "Import", "opts": admin.opts}
            form = self.create_import_form(request)
            context |= {"result": result, "form": self.import_form_class(FORMATS, [MovieResource])}
            context["media"] = form.media
            return TemplateResponse(request, [self.import_template_name], context)
        response: HttpResponse = super().process_result(result, request)
        return response

    def get_export_queryset(self, request: HttpRequest) -> QuerySet[Movie]:
        """The movies of the list, as it is searched and filtered."""
        try:
            movies: QuerySet[Movie] = super().get_export_queryset(request)
        except IncorrectLookupParameters as error:
            raise BadRequest("The filter cannot be read.") from error
        return movies

    def export_action(self, request: HttpRequest) -> HttpResponse:
        """Asks for the format, then sends the file."""
        if not self.has_export_permission(request):
            raise PermissionDenied
        if "export_items" in request.POST:
            raise BadRequest("Movies to export are chosen by search and filters.")
        response: HttpResponse = super().export_action(request)
        return response

    def get_export_data(
        self, file_format: Any, request: HttpRequest, queryset: QuerySet[Movie], **kwargs: Any
    ) -> bytes:
        """The file. Raises ValueError, which the page shows, for more movies than one file takes."""
        if queryset.order_by()[: MAX_EXPORTED + 1].count() > MAX_EXPORTED:
            raise ValueError(f"These are more than {MAX_EXPORTED:,} movies: search or filter the list first.")
        content: bytes = super().get_export_data(file_format, request, queryset, **kwargs)
        return content

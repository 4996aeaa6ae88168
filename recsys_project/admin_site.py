"""The admin site, which answers forged or broken forms with 400 instead of a server error."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.options import TO_FIELD_VAR
from django.core.exceptions import BadRequest, ValidationError
from django.core.paginator import Paginator
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from unfold.sites import UnfoldAdminSite

from accounts import totp
from recsys_project.admin_login import login_form
from recsys_project.staff.page_search import pages_named
from recsys_project.staff.pages import dashboard_context, readiness_page, task_run

MAX_RESULTS = 50

# Years that a date can have.
_YEAR = forms.IntegerField(min_value=1, max_value=9999, required=False)

View = Callable[..., HttpResponseBase]


class AdminSite(UnfoldAdminSite):
    """Asks for a second factor as ``ADMIN_TOTP`` says, and validates the hidden fields of forms, which Django's views
    trust and crash on."""

    def has_permission(self, request: HttpRequest) -> bool:
        """Checked before every page but the sign-in and the sign-out."""
        return super().has_permission(request) and totp.is_satisfied(request)

    def each_context(self, request: HttpRequest) -> dict[str, Any]:
        """Without the colours, which would be written into a style element; staff.css has them."""
        return {**super().each_context(request), "colors": None, "border_radius": None}

    def index(self, request: HttpRequest, extra_context: Any = None) -> TemplateResponse:
        """The dashboard."""
        context = {**dashboard_context(request), **(extra_context or {})}
        response: TemplateResponse = super().index(request, context)
        return response

    def extra_urls(self) -> list[URLPattern]:
        """The site's own pages; called by django-unfold."""
        return [
            path("readiness/", self.admin_view(self.readiness), name="readiness"),
            path("tasks/<int:entry_id>/run/", self.admin_view(task_run), name="task_run"),
        ]

    def readiness(self, request: HttpRequest) -> TemplateResponse:
        """What the catalogue's movies lack."""
        return readiness_page(request, self.each_context(request))

    def search(self, request: HttpRequest, extra_context: Any = None) -> TemplateResponse:
        """The pages with what was typed in their names. django-unfold's own search keeps what it found in Redis and
        fails without it, and on a page that is no number."""
        results = pages_named(self.get_app_list(request), request.GET.get("s", ""))
        page = Paginator(results, MAX_RESULTS).page(1)
        template = "command" if "extended" in request.GET else "search"
        context = {"results": page, "page_obj": page.paginator, "page_counter": 0, "execution_time": 0}
        return TemplateResponse(
            request, f"unfold/helpers/{template}_results.html", context, headers={"HX-Trigger": "search"}
        )

    def login(self, request: HttpRequest, extra_context: Any = None) -> Any:
        self.login_form = login_form()
        try:
            return super().login(request, extra_context)
        except totp.TotpMissingError:
            return render(request, "admin/totp_missing.html", status=403)

    def admin_view(self, view: Any, cacheable: bool = False) -> Any:
        model_admin = getattr(view, "__self__", None)

        @wraps(view)
        def checked(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            if isinstance(model_admin, admin.ModelAdmin):
                _check_hidden_fields(request, model_admin)
                _check_years(request)
                _check_initial_values(request, model_admin)
            response: HttpResponseBase = view(request, *args, **kwargs)
            return response

        return super().admin_view(checked, cacheable)


def _check_hidden_fields(request: HttpRequest, model_admin: admin.ModelAdmin) -> None:
    """Raises BadRequest if a selected row is no valid primary key, or if the field that a popup asks for is empty."""
    for selected in request.POST.getlist(ACTION_CHECKBOX_NAME):
        _check_value(model_admin.opts.pk, selected)
    if "" in (request.GET.get(TO_FIELD_VAR), request.POST.get(TO_FIELD_VAR)):
        raise BadRequest(f"{TO_FIELD_VAR} is empty.")


def _check_years(request: HttpRequest) -> None:
    """Raises BadRequest if a filter by a date names a year that no date has; reading the list would fail on it."""
    for name, values in request.GET.lists():
        if {"year", "iso_year"}.isdisjoint(name.split("__")[1:]):
            continue
        for value in values:
            try:
                _YEAR.clean(value)
            except ValidationError as error:
                raise BadRequest(f"{value[:100]!r} is no year.") from error


def _check_initial_values(request: HttpRequest, model_admin: admin.ModelAdmin) -> None:
    """Raises BadRequest if the query string presets a form field to an invalid value."""
    match = request.resolver_match
    if request.method != "GET" or match is None or not (match.url_name or "").endswith("_add"):
        return
    fields: list[Any] = [*model_admin.opts.fields, *model_admin.opts.many_to_many]
    for field in fields:
        value = request.GET.get(field.name)
        if value:
            parts = value.split(",") if field.many_to_many else [value]
            for part in parts:
                _check_value(field.target_field if field.is_relation else field, part)


def _check_value(field: Any, value: str) -> None:
    try:
        field.to_python(value)
    except ValidationError as error:
        raise BadRequest(f"{value[:100]!r} is no {field.verbose_name}.") from error

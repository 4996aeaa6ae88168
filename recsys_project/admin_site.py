"""The admin's site: Django's, which answers a form that no page of it made by 400."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.contrib import admin
from django.contrib.admin.options import TO_FIELD_VAR
from django.core.exceptions import BadRequest, ValidationError
from django.http import HttpRequest
from django.http.response import HttpResponseBase

View = Callable[..., HttpResponseBase]


class AdminSite(admin.AdminSite):
    """Django's own views take the hidden fields of their forms as they come, and fail where those make no sense."""

    def admin_view(self, view: Any, cacheable: bool = False) -> Any:
        model_admin = getattr(view, "__self__", None)

        @wraps(view)
        def checked(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            if isinstance(model_admin, admin.ModelAdmin):
                _check_hidden_fields(request, model_admin)
            response: HttpResponseBase = view(request, *args, **kwargs)
            return response

        return super().admin_view(checked, cacheable)


def _check_hidden_fields(request: HttpRequest, model_admin: admin.ModelAdmin) -> None:
    """Raises BadRequest where a selected row is no key of the model, or the field that a popup asks for is empty."""
    key = model_admin.opts.pk
    for selected in request.POST.getlist(admin.helpers.ACTION_CHECKBOX_NAME):
        try:
            key.to_python(selected)
        except ValidationError as error:
            raise BadRequest(f"{selected[:100]!r} is not the key of a row.") from error
    if "" in (request.GET.get(TO_FIELD_VAR), request.POST.get(TO_FIELD_VAR)):
        raise BadRequest(f"{TO_FIELD_VAR} is empty.")

"""Client applications and their keys in the admin."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget

from accounts.clients.models import Client, ClientKey
from accounts.clients.scopes import Scope
from accounts.clients.services import key_revoke, key_seal
from recsys_project.staff_admin import StaffModelAdmin


class KeyAddForm(forms.ModelForm):
    """A new key, whose scopes are boxes to tick."""

    scopes = forms.MultipleChoiceField(choices=Scope.choices, widget=UnfoldAdminCheckboxSelectMultipleWidget)

    class Meta:
        model = ClientKey
        fields = ("client", "scopes", "expires_at", "rate_limit")

    def clean_expires_at(self) -> Any:
        expires_at = self.cleaned_data["expires_at"]
        if expires_at is not None and expires_at <= timezone.now():
            raise ValidationError("This is in the past.")
        return expires_at


@admin.register(Client)
class ClientAdmin(StaffModelAdmin):
    """Client applications. One that has users cannot be deleted; make it inactive."""

    list_display = ("name", "is_active", "created_at")
    search_fields = ("name",)
    readonly_fields = ("created_at",)


@admin.register(ClientKey)
class ClientKeyAdmin(StaffModelAdmin):
    """Keys. A new one is shown once; afterwards only its rate can be changed, and it can be revoked."""

    list_display = ("prefix", "client", "scopes", "state", "last_used_at", "expires_at", "revoked_at")
    list_select_related = ("client",)
    search_fields = ("prefix", "client__name")
    autocomplete_fields = ("client",)
    fields = ("client", "prefix", "scopes", "rate_limit", "created_at", "expires_at", "last_used_at", "revoked_at")
    readonly_fields = ("client", "prefix", "scopes", "created_at", "expires_at", "last_used_at", "revoked_at")
    actions = ("revoke",)

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest | None = None) -> bool:
        """Not by the hash: its letters could be read one after the other. Django does the same with passwords."""
        return not lookup.startswith("hashed_secret") and super().lookup_allowed(lookup, value, request)

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        return super().get_form(request, obj, change, **({} if change else {"form": KeyAddForm}), **kwargs)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return KeyAddForm.Meta.fields if obj is None else self.fields

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return () if obj is None else self.readonly_fields

    def save_model(self, request: HttpRequest, obj: ClientKey, form: Any, change: bool) -> None:
        if not change:
            obj.text = key_seal(obj)  # type: ignore[attr-defined]  # For response_add.
        super().save_model(request, obj, form, change)

    def response_add(self, request: HttpRequest, obj: ClientKey, post_url_continue: Any = None) -> HttpResponse:
        """Shows the key, in the answer itself: a message would store it in a cookie or a session."""
        context = {**self.admin_site.each_context(request), "title": "The new key", "key": obj, "text": obj.text}  # type: ignore[attr-defined]
        response = render(request, "admin/client_key_created.html", context)
        response["Cache-Control"] = "no-store"
        return response

    @admin.action(description="Revoke the selected keys at once", permissions=["change"])
    def revoke(self, request: HttpRequest, queryset: QuerySet[ClientKey]) -> None:
        for prefix in queryset.values_list("prefix", flat=True):
            self.log_change(request, key_revoke(prefix=prefix), "Revoked.")
        messages.success(request, "The keys are revoked.")

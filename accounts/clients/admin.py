"""Client applications and their keys in the admin."""

from datetime import datetime, timedelta
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import Count, F, Max, Q, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget, UnfoldAdminSelectWidget

from accounts.clients.models import Client, ClientKey
from accounts.clients.scopes import Scope
from accounts.clients.services import key_revoke, key_rotate, key_seal
from recsys_project.staff_admin import StaffModelAdmin
from recsys_project.staff_admin.confirm import Confirmation, confirm_page


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


class RotateForm(forms.Form):
    """How long the old key stays valid, so that the application has time to change."""

    hours = forms.TypedChoiceField(
        label="The old key ends",
        coerce=int,
        widget=UnfoldAdminSelectWidget(),
        choices=[(24, "in a day"), (1, "in an hour"), (0, "at once"), (168, "in a week")],
    )


@admin.register(Client)
class ClientAdmin(StaffModelAdmin):
    """Client applications. One that has users cannot be deleted; make it inactive."""

    list_display = ("name", "is_active", "valid_keys", "last_used", "created_at", "lists_link")
    search_fields = ("name",)
    readonly_fields = ("created_at",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Client]:
        ended = Q(keys__revoked_at__isnull=False) | Q(keys__expires_at__lte=timezone.now())
        return (
            super().get_queryset(request).annotate(_valid=Count("keys", filter=~ended), _used=Max("keys__last_used_at"))
        )

    @admin.display(description="valid keys", ordering="_valid")
    def valid_keys(self, client: Client) -> int:
        return client._valid  # type: ignore[attr-defined]

    @admin.display(description="last used", ordering=F("_used").desc(nulls_last=True))
    def last_used(self, client: Client) -> datetime | None:
        return client._used  # type: ignore[attr-defined]

    @admin.display(description="lists a day")
    def lists_link(self, client: Client) -> str:
        """What it was shown each day is counted with the statistics of lists."""
        page = reverse("admin:events_recommendationstatistic_changelist")
        query = f"?period__exact=day&dimension__exact=client&value__exact={client.pk}"
        return format_html('<a href="{}{}">Statistics</a>', page, query)


@admin.register(ClientKey)
class ClientKeyAdmin(StaffModelAdmin):
    """Keys. A new one is shown once; afterwards only its rate can be changed, and it can be revoked."""

    list_display = ("prefix", "client", "scopes", "state", "rate", "last_used_at", "expires_at", "rotate_link")
    list_select_related = ("client",)
    search_fields = ("prefix", "client__name")
    autocomplete_fields = ("client",)
    fields = ("client", "prefix", "scopes", "rate_limit", "created_at", "expires_at", "last_used_at", "revoked_at")
    readonly_fields = ("client", "prefix", "scopes", "created_at", "expires_at", "last_used_at", "revoked_at")
    actions = ("revoke",)

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.rotate_view)
        return [path("<path:object_id>/rotate/", view, name="accounts_clientkey_rotate"), *super().get_urls()]

    @admin.display(description="rate", ordering="rate_limit")
    def rate(self, key: ClientKey) -> str:
        return key.rate_limit or "default"

    @admin.display(description="rotate")
    def rotate_link(self, key: ClientKey) -> str:
        if key.state != "valid":
            return "-"
        return format_html('<a href="{}">Rotate</a>', reverse("admin:accounts_clientkey_rotate", args=[key.pk]))

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
        return self._show(request, obj, obj.text)  # type: ignore[attr-defined]

    def _show(self, request: HttpRequest, key: ClientKey, text: str) -> HttpResponse:
        context = {
            **self.admin_site.each_context(request),
            "title": "The new key",
            "opts": self.opts,
            "key": key,
            "text": text,
        }
        response = render(request, "admin/client_key_created.html", context)
        response["Cache-Control"] = "no-store"
        return response

    def rotate_view(self, request: HttpRequest, object_id: str) -> HttpResponseBase:
        """Makes the key's successor, shows it once, and ends the old one after a while."""
        if not (self.has_add_permission(request) and self.has_change_permission(request)):
            raise PermissionDenied
        key = self.get_object(request, unquote(object_id))
        if key is None:
            return self._get_obj_does_not_exist_redirect(request, self.opts, object_id)
        form = RotateForm(request.POST or None)
        if request.method == "POST" and form.is_valid():
            try:
                made, text = key_rotate(prefix=key.prefix, overlap=timedelta(hours=form.cleaned_data["hours"]))
            except ValidationError as error:
                messages.error(request, " ".join(error.messages))
                return HttpResponseRedirect(reverse("admin:accounts_clientkey_changelist"))
            self.log_change(request, key, f"Rotated: its successor is {made.prefix}.")
            self.log_addition(request, made, f"Successor of {key.prefix}.")
            return self._show(request, made, text)
        page = Confirmation(
            title=f"Rotate the key {key.prefix}",
            consequences=[
                f"{key.client} gets a new key with the scopes, the rate and the end of {key.prefix}. It is shown once."
            ],
            act="Rotate",
            back=reverse("admin:accounts_clientkey_changelist"),
            back_text="All keys",
            form_id="key-rotate",
        )
        return confirm_page(request, self, page, form=form)

    @admin.action(description="Revoke the selected keys at once", permissions=["change"])
    def revoke(self, request: HttpRequest, queryset: QuerySet[ClientKey]) -> None:
        for prefix in queryset.values_list("prefix", flat=True):
            self.log_change(request, key_revoke(prefix=prefix), "Revoked.")
        messages.success(request, "The keys are revoked.")

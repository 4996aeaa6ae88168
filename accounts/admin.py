"""Users and groups in the admin."""

from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin as DjangoGroupAdmin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.forms import BaseUserCreationForm
from django.contrib.auth.models import Group
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest
from django_otp.plugins.otp_static.models import StaticDevice
from django_otp.plugins.otp_totp.models import TOTPDevice
from unfold.forms import AdminPasswordChangeForm, UserChangeForm
from unfold.widgets import UnfoldAdminPasswordWidget

from accounts.addresses import validated
from accounts.clients import admin as client_admin  # noqa: F401 -- it registers its models.
from accounts.deletion import user_delete
from accounts.models import User
from accounts.selectors import has_privileges
from recsys_project.staff_admin import StaffModelAdmin

# The fields that grant rights.
PRIVILEGES = ("is_staff", "is_superuser", "groups", "user_permissions")


class EmailLoginForm(forms.ModelForm):
    """Stores the e-mail address in its one spelling, and an empty one as NULL: addresses are unique, NULLs are not."""

    def clean_email(self) -> str | None:
        given = self.cleaned_data.get("email") or ""
        if not given or "email" not in self.changed_data:
            return self.instance.email if given else None
        return validated(given)


class UserAddForm(EmailLoginForm, BaseUserCreationForm):
    class Meta:
        model = User
        fields = ("email", "display_name")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in ("password1", "password2"):
            self.fields[name].widget = UnfoldAdminPasswordWidget(attrs={"autocomplete": "new-password"})


class UserEditForm(EmailLoginForm, UserChangeForm):
    class Meta:
        model = User
        fields = (
            "email",
            "password",
            "display_name",
            "group_invitations",
            "personalisation",
            "is_active",
            "is_staff",
            "is_superuser",
            "groups",
            "user_permissions",
        )


class OriginFilter(admin.SimpleListFilter):
    """Filters by users who sign in or imported users. It does not list the data sets: that would scan the table."""

    title = "origin"
    parameter_name = "origin"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("signs-in", "signs in"), ("imported", "imported"), ("client", "of a client application")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[User]) -> QuerySet[User]:
        if self.value() == "signs-in":
            return queryset.filter(email__isnull=False)
        if self.value() == "imported":
            return queryset.filter(email__isnull=True, client__isnull=True)
        if self.value() == "client":
            return queryset.filter(client__isnull=False)
        return queryset


@admin.register(User)
class UserAdmin(DjangoUserAdmin, StaffModelAdmin):
    """Users. Prevents privilege escalation: only superusers grant rights, and only they change or delete a user who has
    any."""

    form = UserEditForm
    add_form = UserAddForm
    change_password_form = AdminPasswordChangeForm
    list_display = ("__str__", "display_name", "is_active", "is_staff", "dataset", "dataset_user_id", "last_login")
    list_filter = ("is_active", "is_staff", OriginFilter)
    search_fields = ("email", "display_name", "=dataset_user_id")
    ordering = ("-id",)
    show_full_result_count = False
    readonly_fields = ("dataset", "dataset_user_id", "client", "external_id", "date_joined", "last_login")
    fieldsets = (
        (None, {"fields": ("email", "password", "display_name", "group_invitations", "personalisation")}),
        ("Rights", {"fields": ("is_active", "is_staff", "is_superuser", "groups", "user_permissions")}),
        ("Origin", {"fields": ("dataset", "dataset_user_id", "client", "external_id", "date_joined", "last_login")}),
    )
    add_fieldsets = ((None, {"fields": ("email", "display_name", "password1", "password2")}),)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        given = super().get_readonly_fields(request, obj)
        # Users of clients and of data sets never sign in; an address would let them.
        if obj is not None and (obj.client_id is not None or obj.dataset):
            given = (*given, "email")
        return given if _is_superuser(request) else (*given, *PRIVILEGES)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Also checked by the page that sets a user's password."""
        return super().has_change_permission(request, obj) and _may_touch(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Also checked for each user that the delete action selects."""
        return super().has_delete_permission(request, obj) and _may_touch(request, obj)

    def delete_model(self, request: HttpRequest, obj: User) -> None:
        user_delete(user_id=obj.pk)

    @transaction.atomic
    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        """Deletes all or none, in the order of their ids, so that two such actions cannot deadlock."""
        for user_id in sorted(queryset.values_list("pk", flat=True)):
            user_delete(user_id=user_id)


admin.site.unregister(Group)
# Whoever reads their keys can sign in as their owner; manage.py admin_totp manages them.
admin.site.unregister([TOTPDevice, StaticDevice])


@admin.register(Group)
class GroupAdmin(DjangoGroupAdmin, StaffModelAdmin):
    """Groups, which only superusers change: a member of staff could add any right to a group of their own."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return super().has_add_permission(request) and _is_superuser(request)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_change_permission(request, obj) and _is_superuser(request)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_delete_permission(request, obj) and _is_superuser(request)


def _is_superuser(request: HttpRequest) -> bool:
    return bool(getattr(request.user, "is_superuser", False))


def _may_touch(request: HttpRequest, person: User | None) -> bool:
    """Whether the request's user may change ``person``: superusers anyone, other staff only users without rights."""
    return person is None or _is_superuser(request) or not has_privileges(user=person)

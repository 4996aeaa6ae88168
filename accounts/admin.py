"""People in the admin."""

from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.forms import BaseUserCreationForm, UserChangeForm
from django.db.models import QuerySet
from django.http import HttpRequest

from accounts.models import User


class EmailLoginForm(forms.ModelForm):
    """Stores a login in lower case, and an empty one as none: two people may have none, but not the same."""

    def clean_email(self) -> str | None:
        return User.objects.normalize_email(self.cleaned_data.get("email")) or None


class UserAddForm(EmailLoginForm, BaseUserCreationForm):
    class Meta:
        model = User
        fields = ("email", "display_name")


class UserEditForm(EmailLoginForm, UserChangeForm):
    class Meta:
        model = User
        fields = (
            "email",
            "password",
            "display_name",
            "share_with_groups",
            "is_active",
            "is_staff",
            "is_superuser",
            "groups",
            "user_permissions",
        )


class OriginFilter(admin.SimpleListFilter):
    """Those who sign in, or those who came with a data set; needs no list of data sets, which would scan the table."""

    title = "origin"
    parameter_name = "origin"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("signs-in", "signs in"), ("imported", "imported")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[User]) -> QuerySet[User]:
        if self.value() == "signs-in":
            return queryset.filter(email__isnull=False)
        if self.value() == "imported":
            return queryset.filter(email__isnull=True)
        return queryset


@admin.register(User)
class UserAdmin(DjangoUserAdmin):
    form = UserEditForm
    add_form = UserAddForm
    list_display = ("__str__", "display_name", "is_active", "is_staff", "dataset", "dataset_user_id", "last_login")
    list_filter = ("is_active", "is_staff", OriginFilter)
    search_fields = ("email", "display_name", "=dataset_user_id")
    ordering = ("-id",)
    show_full_result_count = False
    readonly_fields = ("dataset", "dataset_user_id", "date_joined", "last_login")
    fieldsets = (
        (None, {"fields": ("email", "password", "display_name", "share_with_groups")}),
        ("May", {"fields": ("is_active", "is_staff", "is_superuser", "groups", "user_permissions")}),
        ("Came from", {"fields": ("dataset", "dataset_user_id", "date_joined", "last_login")}),
    )
    add_fieldsets = ((None, {"fields": ("email", "display_name", "password1", "password2")}),)

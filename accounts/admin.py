"""Users and groups in the admin."""

from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.admin.utils import unquote
from django.contrib.auth.admin import GroupAdmin as DjangoGroupAdmin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.forms import BaseUserCreationForm
from django.contrib.auth.models import Group
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.html import format_html
from django_otp.plugins.otp_static.models import StaticDevice
from django_otp.plugins.otp_totp.models import TOTPDevice
from unfold.forms import AdminPasswordChangeForm, UserChangeForm
from unfold.widgets import UnfoldAdminPasswordWidget

from accounts.addresses import validated
from accounts.clients import admin as client_admin  # noqa: F401 -- it registers its models.
from accounts.deletion import user_delete
from accounts.models import User
from accounts.staff import log_admin  # noqa: F401 -- it registers its model.
from accounts.staff.log import view_log
from accounts.staff.people_search import SEARCH_HELP, users_found
from accounts.staff.privileges import PRIVILEGES, is_superuser, may_touch, rights_given_by, roles_given_by
from accounts.staff.roles import Role
from accounts.staff.support_admin import SupportAdmin
from recsys_project.staff_admin import StaffModelAdmin
from recsys_project.staff_admin.keyset import KeysetAdmin


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
class UserAdmin(SupportAdmin, DjangoUserAdmin, KeysetAdmin):
    """Users. Who gives rights, and who changes or deletes somebody who has any, is in ``accounts.staff.privileges``."""

    form = UserEditForm
    add_form = UserAddForm
    change_password_form = AdminPasswordChangeForm
    list_display = (
        *("__str__", "display_name", "is_active", "is_staff", "dataset", "dataset_user_id", "last_login"),
        "support_link",
    )
    list_filter = ("is_active", "is_staff", OriginFilter)
    indexed_params = ("is_active__exact", "is_staff__exact")
    # Present so that the search box is shown; get_search_results decides what it means.
    search_fields = ("email",)
    search_help_text = SEARCH_HELP
    ordering = ("-id",)
    readonly_fields = ("dataset", "dataset_user_id", "client", "external_id", "date_joined", "last_login")
    fieldsets = (
        (None, {"fields": ("email", "password", "display_name", "group_invitations", "personalisation")}),
        ("Rights", {"fields": ("is_active", "is_staff", "is_superuser", "groups", "user_permissions")}),
        ("Origin", {"fields": ("dataset", "dataset_user_id", "client", "external_id", "date_joined", "last_login")}),
    )
    add_fieldsets = ((None, {"fields": ("email", "display_name", "password1", "password2")}),)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[User], search_term: str
    ) -> tuple[QuerySet[User], bool]:
        """Finds by what has an index."""
        if not search_term.strip():
            return queryset, False
        return queryset.filter(pk__in=users_found(search_term)), False

    def get_list_display(self, request: HttpRequest) -> Any:
        may = request.user.has_perm("accounts.support_user")
        return [name for name in self.list_display if may or name != "support_link"]

    @admin.display(description="support")
    def support_link(self, person: User) -> str:
        return format_html('<a href="{}">Support</a>', reverse("admin:accounts_user_support", args=[person.pk]))

    def changeform_view(self, request: HttpRequest, object_id: str | None = None, *args: Any, **kwargs: Any) -> Any:
        """Each look at an account is in the log; changes are, anyway."""
        response: HttpResponse = super().changeform_view(request, object_id, *args, **kwargs)
        if request.method == "GET" and response.status_code == 200 and object_id:
            view_log(staff=request.user, user_id=int(unquote(object_id)), text="Opened the account.")
        return response

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        given = super().get_readonly_fields(request, obj)
        # Users of clients and of data sets never sign in; an address would let them.
        if obj is not None and (obj.client_id is not None or obj.dataset):
            given = (*given, "email")
        allowed = rights_given_by(request.user)
        return (*given, *(name for name in PRIVILEGES if name not in allowed))

    def formfield_for_manytomany(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """Offers the groups that whoever asks may give."""
        if db_field.name == "groups":
            kwargs["queryset"] = roles_given_by(request.user)
        return super().formfield_for_manytomany(db_field, request, **kwargs)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Also checked by the page that sets a user's password."""
        return super().has_change_permission(request, obj) and may_touch(request.user, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Also checked for each user that the delete action selects."""
        return super().has_delete_permission(request, obj) and may_touch(request.user, obj)

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """Names the people, and not each of their thousands of rows. Raises no question of other permissions: whoever
        may delete a person deletes what is theirs."""
        people = list(objs)
        refused = {self.opts.verbose_name for person in people if not self.has_delete_permission(request, person)}
        lines = [f"{person}, with all events, ratings, lists and sign-ins" for person in people]
        return lines, {self.opts.verbose_name_plural: len(people)}, refused, []

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
    """Groups, which only superusers change: a member of staff could add any right to a group of their own. Nobody
    changes the roles, which each migration sets (``accounts.staff.roles``)."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return super().has_add_permission(request) and is_superuser(request.user)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_change_permission(request, obj) and is_superuser(request.user) and not _is_role(obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_delete_permission(request, obj) and is_superuser(request.user) and not _is_role(obj)


def _is_role(group: Group | None) -> bool:
    return group is not None and group.name in set(Role)

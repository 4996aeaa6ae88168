"""The support page of a person in the admin, and what staff do there on a person's request."""

from django import forms
from django.contrib import messages
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.http import FileResponse, Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import URLPattern, path, reverse
from unfold.widgets import UnfoldBooleanWidget

from accounts.deletion import user_delete
from accounts.models import User
from accounts.privacy.export import export_write
from accounts.signins import sign_ins_end
from accounts.staff.log import act_log, view_log
from accounts.staff.privileges import may_touch
from accounts.staff.support import masked, support_sections
from recsys_project.staff_admin import StaffModelAdmin
from recsys_project.staff_admin.confirm import Confirmation, confirm_page
from recsys_project.staff_admin.reasons import ReasonField

_NO_STORE = {"Cache-Control": "no-store"}


class RequestForm(forms.Form):
    """Why staff do it: who asked, and how that person was recognised."""

    reason = ReasonField(
        help_text="Who asked and how you know that it was them. Other staff read it; write no address here."
    )

    def clean_reason(self) -> str:
        """It outlives the person, so it must not hold their address."""
        reason: str = self.cleaned_data["reason"]
        if "@" in reason:
            raise forms.ValidationError("Write no e-mail address here: the log outlives the account.")
        return reason


class EraseForm(RequestForm):
    confirmed = forms.BooleanField(label="I know that this cannot be undone", widget=UnfoldBooleanWidget())


class SupportAdmin(StaffModelAdmin):
    """Pages of one person, beside those to edit them."""

    def get_urls(self) -> list[URLPattern]:
        pages = {"support": self.support_view, "export": self.export_view}
        pages |= {"sign-out": self.sign_out_view, "erase": self.erase_view}
        return [
            *(
                path(f"<path:object_id>/{name}/", self.admin_site.admin_view(view), name=f"accounts_user_{name}")
                for name, view in pages.items()
            ),
            *super().get_urls(),
        ]

    def has_export_permission(self, request: HttpRequest, person: User) -> bool:
        return request.user.has_perm("accounts.export_user") and may_touch(request.user, person)

    def has_sign_out_permission(self, request: HttpRequest, person: User) -> bool:
        return request.user.has_perm("accounts.end_sessions_user") and may_touch(request.user, person)

    def has_erase_permission(self, request: HttpRequest, person: User) -> bool:
        """Not of oneself: nobody would be left to be named in the log."""
        return person.pk != request.user.pk and self.has_delete_permission(request, person)

    def support_view(self, request: HttpRequest, object_id: str) -> HttpResponseBase:
        """Account, activity, lists and what followed. Each look is in the log."""
        person = self._person(request, object_id, "support_user")
        view_log(staff=request.user, user_id=person.pk, text="Opened the support page.")
        may = {
            "sign-out": self.has_sign_out_permission(request, person),
            "export": self.has_export_permission(request, person),
            "erase": self.has_erase_permission(request, person),
            "change": self.has_view_or_change_permission(request, person),
        }
        context = {
            **self.admin_site.each_context(request),
            "title": f"Support: user {person.pk}",
            "opts": self.opts,
            "person": person,
            "address": self._address(request, person),
            "sections": support_sections(person),
            "links": [(name, reverse(f"admin:accounts_user_{name}", args=[person.pk])) for name in may if may[name]],
        }
        response: HttpResponse = render(request, "admin/person_support.html", context)
        response["Cache-Control"] = "no-store"
        return response

    def export_view(self, request: HttpRequest, object_id: str) -> HttpResponseBase:
        """Everything stored of the person, as they would get it themselves."""
        person = self._person(request, object_id, "export_user")
        if not self.has_export_permission(request, person):
            raise PermissionDenied
        form = RequestForm(request.POST or None)
        if request.method != "POST" or not form.is_valid():
            text = "A zip with everything that is stored of this person. Give it to nobody else."
            return self._ask(request, person, form, "Export their data", text)
        act_log(staff=request.user, user_id=person.pk, text=f"Exported their data: {form.cleaned_data['reason']}")
        return FileResponse(
            export_write(user=person),
            as_attachment=True,
            filename=f"user-{person.pk}.zip",
            content_type="application/zip",
            headers=_NO_STORE,
        )

    def sign_out_view(self, request: HttpRequest, object_id: str) -> HttpResponseBase:
        """Ends all sign-ins of the person, in the API and in the admin."""
        person = self._person(request, object_id, "end_sessions_user")
        if not self.has_sign_out_permission(request, person):
            raise PermissionDenied
        form = RequestForm(request.POST or None)
        if request.method != "POST" or not form.is_valid():
            text = "They are signed out on every device at once. Their password stays."
            return self._ask(request, person, form, "End their sign-ins", text)
        sign_ins_end(user=person)
        act_log(staff=request.user, user_id=person.pk, text=f"Ended all sign-ins: {form.cleaned_data['reason']}")
        messages.success(request, f"User {person.pk} is signed out everywhere.")
        return HttpResponseRedirect(reverse("admin:accounts_user_changelist"))

    def erase_view(self, request: HttpRequest, object_id: str) -> HttpResponseBase:
        """Deletes the person with everything that is stored of them."""
        person = self._person(request, object_id, "delete_user")
        if not self.has_erase_permission(request, person):
            raise PermissionDenied
        form = EraseForm(request.POST or None)
        if request.method != "POST" or not form.is_valid():
            text = "The account, all events, ratings and lists are deleted, in restored backups too. Export first?"
            return self._ask(request, person, form, "Erase this person", text, danger=True)
        number = person.pk
        user_delete(user_id=number)
        # After the deletion, which empties the lines about the person.
        text = f"Erased at their request: {form.cleaned_data['reason']}"
        act_log(staff=request.user, user_id=number, text=text, deleted=True)
        messages.success(request, f"User {number} is erased.")
        return HttpResponseRedirect(reverse("admin:accounts_user_changelist"))

    def _person(self, request: HttpRequest, object_id: str, permission: str) -> User:
        """Raises PermissionDenied, before it says whether there is such a person, and Http404."""
        if not request.user.has_perm(f"accounts.{permission}"):
            raise PermissionDenied
        text = unquote(object_id)
        if not (text.isascii() and text.isdigit() and len(text) < 19):
            raise Http404
        person = User.objects.filter(pk=int(text)).first()
        if person is None:
            raise Http404
        return person

    def _address(self, request: HttpRequest, person: User) -> str:
        """The address, for who may read people's accounts; its first letter and domain for others."""
        return str(person) if request.user.has_perm("accounts.view_user") else masked(person.email)

    def _ask(
        self, request: HttpRequest, person: User, form: forms.Form, act: str, text: str, *, danger: bool = False
    ) -> HttpResponse:
        address = self._address(request, person)
        page = Confirmation(
            title=f"{act}: user {person.pk}",
            consequences=[f"{address}, user {person.pk}", text],
            act=act,
            danger=danger,
            back=reverse("admin:accounts_user_support", args=[person.pk]),
            back_text="Back to the person",
            form_id="person-request",
        )
        response = confirm_page(request, self, page, form=form)
        response["Cache-Control"] = "no-store"
        return response

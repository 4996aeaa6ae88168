"""The pages that links in mails lead to, for sites without a front end of their own.

Opening a link changes nothing, since programs that check mails open links too; its form does.
"""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.decorators import method_decorator
from django.views.decorators.cache import never_cache
from django.views.generic import View

from accounts import passwords, registration
from accounts.links import LINK_GONE, link_is_good
from accounts.models import AccountMail


class PasswordForm(forms.Form):
    password = forms.CharField(
        strip=False,
        max_length=passwords.MAX_LENGTH,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
    )


class NewPasswordForm(PasswordForm):
    password = forms.CharField(
        label="New password",
        strip=False,
        max_length=passwords.MAX_LENGTH,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )


@method_decorator(never_cache, name="dispatch")
class LinkPage(View):
    """A form for the password that a link needs, and a word when it is done."""

    kind: str
    heading: str
    text: str
    done: str
    form_class: type[forms.Form] = PasswordForm

    def use(self, token: str, password: str) -> None:
        """Does what the link is for. Raises ValidationError by field."""
        raise NotImplementedError

    def get(self, request: HttpRequest, token: str) -> HttpResponse:
        if not link_is_good(kind=self.kind, token=token):
            return self._gone(request)
        return self._page(request, self.text, form=self.form_class())

    def post(self, request: HttpRequest, token: str) -> HttpResponse:
        form = self.form_class(request.POST)
        if form.is_valid():
            try:
                self.use(token, form.cleaned_data["password"])
            except ValidationError as error:
                if "token" in error.message_dict:
                    return self._gone(request)
                form.add_error("password", [text for texts in error.message_dict.values() for text in texts])
            else:
                return self._page(request, self.done)
        return self._page(request, self.text, form=form, status=400)

    def _gone(self, request: HttpRequest) -> HttpResponse:
        return self._page(request, LINK_GONE, status=404)

    def _page(self, request: HttpRequest, text: str, *, status: int = 200, **context: Any) -> HttpResponse:
        return render(request, "accounts/link.html", {"heading": self.heading, "text": text, **context}, status=status)


class RegisterPage(LinkPage):
    kind = AccountMail.Kind.REGISTER
    heading = "Finish registering"
    text = "Enter the password that you chose when you registered."
    done = "Your account is ready. You can sign in now."

    def use(self, token: str, password: str) -> None:
        registration.registration_confirm(token=token, password=password)


class ResetPage(LinkPage):
    kind = AccountMail.Kind.RESET
    heading = "Set a new password"
    text = "Choose a new password. It signs you out everywhere."
    done = "Your new password is set. You can sign in now."
    form_class = NewPasswordForm

    def use(self, token: str, password: str) -> None:
        passwords.password_reset_confirm(token=token, password=password)

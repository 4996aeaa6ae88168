"""The admin's sign-in: a password and, where ``ADMIN_TOTP`` asks for it, a code of an authenticator app.

Both are checked in one attempt, which counts for the account's limit, and a wrong code is answered as a wrong password
is.
"""

from typing import Any

from django import forms
from django.conf import settings
from django.contrib.auth import authenticate
from unfold.forms import AuthenticationForm
from unfold.widgets import BASE_INPUT_CLASSES

from accounts.totp_modes import OFF


class AdminLoginForm(AuthenticationForm):
    """The usual form with a field for the code."""

    error_messages = {
        **AuthenticationForm.error_messages,
        "invalid_login": (
            "Please enter the correct %(username)s and password for a staff account, and the code if you have an "
            "authenticator app. A code is good once."
        ),
    }
    otp_token = forms.CharField(
        label="Code of your authenticator app, or a recovery code:",
        label_suffix="",
        required=False,
        max_length=64,
        strip=True,
        help_text="Leave it empty if you have neither.",
        widget=forms.TextInput(
            attrs={"autocomplete": "one-time-code", "spellcheck": "false", "class": " ".join(BASE_INPUT_CLASSES)}
        ),
    )

    def clean(self) -> dict[str, Any]:
        """As Django's, with the code among the credentials. Raises TotpMissingError."""
        username, password = self.cleaned_data.get("username"), self.cleaned_data.get("password")
        if username is not None and password and "otp_token" in self.cleaned_data:
            code = self.cleaned_data["otp_token"]
            self.user_cache = authenticate(self.request, username=username, password=password, otp_token=code)
            if self.user_cache is None:
                raise self.get_invalid_login_error()
            self.confirm_login_allowed(self.user_cache)
        return self.cleaned_data


def login_form() -> type[AuthenticationForm]:
    """The form that the setting asks for."""
    return AuthenticationForm if settings.ADMIN_TOTP == OFF else AdminLoginForm

"""Why staff do something: one rule for every reason and note, in forms and in services."""

import unicodedata
from typing import Any, Final

from django import forms
from django.core.exceptions import ValidationError
from unfold.widgets import UnfoldAdminTextInputWidget

# Letters. The columns that keep reasons are as long.
MAX_REASON: Final = 300
# Unicode's categories of control characters, halves of surrogate pairs, and separators of lines and paragraphs.
_CONTROL: Final = ("Cc", "Cs", "Zl", "Zp")
MISSING: Final = "Say why, for other staff."
TOO_LONG: Final = f"At most {MAX_REASON} letters."
NO_CONTROL: Final = "No control characters, such as line breaks."


def reason_problem(reason: str, *, required: bool = True) -> str:
    """What is wrong with a reason, without spaces around it; "" if nothing is."""
    text = reason.strip()
    if required and not text:
        return MISSING
    if any(unicodedata.category(letter) in _CONTROL for letter in text):
        return NO_CONTROL
    return TOO_LONG if len(text) > MAX_REASON else ""


def reason_check(reason: str, *, field: str = "reason", required: bool = True) -> str:
    """The reason without spaces around it.

    Raises ValidationError naming ``field`` if it is empty although required, too long, or holds control characters. It
    is never shortened.
    """
    if problem := reason_problem(reason, required=required):
        raise ValidationError({field: problem})
    return reason.strip()


class ReasonField(forms.CharField):
    """A reason in a form. Other staff read it."""

    def __init__(self, *, required: bool = True, help_text: str = "For other staff.", **options: Any) -> None:
        widget = options.pop("widget", None) or UnfoldAdminTextInputWidget()
        # Checked here alone, so that the texts are those of reason_check.
        widget.attrs["maxlength"] = MAX_REASON
        super().__init__(
            required=required, help_text=help_text, widget=widget, error_messages={"required": MISSING}, **options
        )

    def validate(self, value: str) -> None:
        """Raises ValidationError as reason_check does."""
        super().validate(value)
        if problem := reason_problem(value, required=self.required):
            raise ValidationError(problem)

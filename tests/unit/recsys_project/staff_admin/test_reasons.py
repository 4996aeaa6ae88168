"""Every reason of staff has one rule: its length, its letters, and no silent cut."""

import pytest
from django import forms
from django.core.exceptions import ValidationError

from recsys_project.staff_admin.reasons import MAX_REASON, MISSING, NO_CONTROL, TOO_LONG, ReasonField, reason_check

WRONG = [
    ("", MISSING),
    (" \t ", MISSING),
    ("x" * (MAX_REASON + 1), TOO_LONG),
    ("two\nlines", NO_CONTROL),
    ("null\x00", NO_CONTROL),
    ("line\u2028separator", NO_CONTROL),
]


class WhyForm(forms.Form):
    why = ReasonField()
    note = ReasonField(required=False)


@pytest.mark.parametrize(("text", "message"), WRONG)
def test_a_service_names_the_field_of_a_wrong_reason(text, message):
    with pytest.raises(ValidationError) as caught:
        reason_check(text, field="note")

    assert caught.value.message_dict == {"note": [message]}


@pytest.mark.parametrize(("text", "message"), WRONG)
def test_a_form_says_the_same_as_a_service(text, message):
    assert WhyForm({"why": text}).errors == {"why": [message]}


@pytest.mark.parametrize("text", ["x" * MAX_REASON, "  it was imported twice ", "Übersetzt: 二重登録 👍🏽"])
def test_a_reason_is_kept_whole_without_spaces_around(text):
    form = WhyForm({"why": text})

    assert form.is_valid()
    assert form.cleaned_data["why"] == reason_check(text) == text.strip()


def test_a_note_may_be_empty_and_has_the_same_limits():
    assert WhyForm({"why": "x", "note": " "}).is_valid()
    assert reason_check("", required=False) == ""
    assert WhyForm({"why": "x", "note": "y" * (MAX_REASON + 1)}).errors == {"note": [TOO_LONG]}


def test_the_browser_knows_the_limit():
    assert f'maxlength="{MAX_REASON}"' in str(WhyForm()["why"])

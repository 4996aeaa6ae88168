"""Pages that say what an action does, ask for what it needs, and do it when the form is sent. All have one template."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from django import forms
from django.contrib import admin
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

TEMPLATE: Final = "admin/confirm.html"


@dataclass(frozen=True, slots=True, kw_only=True)
class Confirmation:
    """What a page says and asks.

    consequences: what happens, a paragraph each; act, act_name: the text of the button and the field that it sends, if
    any; danger: the action cannot be undone; instead: the field and the text of a second button, for a milder action;
    back, back_text: the link beside the buttons; form_id: the HTML id; hidden: names and values that are sent along.
    """

    title: str
    consequences: Sequence[str] = ()
    act: str
    act_name: str = ""
    danger: bool = False
    instead: tuple[str, str] | None = None
    back: str
    back_text: str = "Back"
    form_id: str
    hidden: Sequence[tuple[str, str]] = ()


def confirm_page(
    request: HttpRequest,
    model_admin: admin.ModelAdmin,
    page: Confirmation,
    *,
    form: forms.Form | None = None,
    template: str = TEMPLATE,
    **context: Any,
) -> HttpResponse:
    """Renders the page. form: its fields, bound if it was sent; template: extends TEMPLATE to say more."""
    media = model_admin.media + form.media if form is not None else model_admin.media
    shown = {
        **model_admin.admin_site.each_context(request),
        "title": page.title,
        "opts": model_admin.opts,
        "media": media,
        "page": page,
        "form": form,
        **context,
    }
    response: HttpResponse = render(request, template, shown)
    return response


def action_fields(request: HttpRequest, action: str, **more: str) -> list[tuple[str, str]]:
    """The hidden fields that run an action of a list again, on the rows that were selected."""
    selected = [(ACTION_CHECKBOX_NAME, value) for value in request.POST.getlist(ACTION_CHECKBOX_NAME)]
    across = request.POST.get("select_across", "0")
    return [*selected, ("select_across", across), ("action", action), ("index", "0"), *more.items()]

"""Forged requests to the admin: its forms as a browser would send them, and a fingerprint of what is stored."""

from collections.abc import Iterator, Mapping
from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.admin.utils import quote
from django.db import connection
from django.test import Client
from django.urls import NoReverseMatch, reverse

from accounts.models import User
from movies.models import Movie
from recsys_project.staff_admin.keyset import KeysetAdmin
from tests.unit.recsys_project.role_matrix import ACTIONS, PAGES
from tests.unit.recsys_project.test_role_matrix import pages

Values = Mapping[str, Any]
# What every request of a signed-in person may write.
_NOT_COMPARED = ("django_session", "accounts_adminsession", "django_content_type", "auth_permission")
# Everything that a confirmation asks for.
CONFIRMED = {
    **{"post": "yes", "apply": "1", "reason": "forged", "confirmed": "on", "index": "0", "hours": "0"},
    **{"add_keywords": "forged", "countries": "SE", "others": "keep", "delete": "1", "start": "1", "publish": "1"},
    **{"password1": "Forged pass 91", "password2": "Forged pass 91", "usable_password": "true"},
    **{"format": "0", "import_file_name": "0" * 32, "resource": "", "preview-user": "1"},
}


def fingerprint() -> dict[str, str]:
    """The number of rows of each table and the MD5 of all of them. One query."""
    with connection.cursor() as cursor:
        tables = sorted(set(connection.introspection.table_names(cursor)) - set(_NOT_COMPARED))
        rows = "count(*) || ' ' || coalesce(md5(string_agg(md5(t::text), '' ORDER BY md5(t::text))), '')"
        cursor.execute(" UNION ALL ".join(f"SELECT '{name}', {rows} FROM \"{name}\" t" for name in tables))
        return dict(cursor.fetchall())


def changed(before: Values, after: Values) -> set[str]:
    """The tables whose rows differ."""
    return {name for name in before if before[name] != after[name]}


def form_values(page: Any) -> dict[str, Any]:
    """What a browser sends back of a page that adds or changes an object."""
    found = _of_form(page.context["adminform"].form)
    for inline in page.context["inline_admin_formsets"]:
        formset = inline.formset
        for form in [formset.management_form, *formset.initial_forms]:
            found |= _of_form(form)
        # Without the empty lines that a page offers.
        found[f"{formset.prefix}-TOTAL_FORMS"] = len(formset.initial_forms)
    return found


def _of_form(form: Any) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for field in form:
        widget, value = field.field.widget, field.value()
        if isinstance(field.field, forms.FileField) or value is None or value is False:
            continue
        if isinstance(widget, forms.MultiWidget):
            parts = value if isinstance(value, list | tuple) else widget.decompress(value)
            found |= {f"{field.html_name}_{n}": str(part).partition(".")[0] for n, part in enumerate(parts) if part}
        elif isinstance(value, list | tuple) or hasattr(value, "model"):
            found[field.html_name] = [str(getattr(one, "pk", one)) for one in value]
        else:
            found[field.html_name] = "on" if value is True else str(getattr(value, "pk", value))
    return found


def edited(values: Values) -> dict[str, Any]:
    """The values of a form with another text in what people type, so that saving them changes a row."""
    typed = ("title", "name", "description", "display_name", "reason", "note", "text", "message", "minute")
    found = dict(values)
    for name in typed:
        if name in found:
            found[name] = "17" if name == "minute" else f"{found[name]}x"
    found |= {name: "3.0" for name in ("value",) if name in found} | {n: "9" for n in ("every",) if n in found}
    return found | {"rate_limit": "7/m", "_save": "Save"}


def forms_of(root: Client) -> Iterator[tuple[str, str, str, dict[str, Any]]]:
    """(model, a: add, c: change or d: delete, address, values) of each form, of one row of each model."""
    for model_admin in admin.site._registry.values():
        opts = model_admin.opts
        base = f"admin:{opts.app_label}_{opts.model_name}"
        row = subject_of(model_admin)
        change = reverse(f"{base}_change", args=[quote(row.pk)])
        page = root.get(change)
        values = edited(form_values(page)) if page.context and "adminform" in page.context else {"_save": "Save"}
        yield opts.label, "a", reverse(f"{base}_add"), values
        yield opts.label, "c", change, values
        yield opts.label, "d", reverse(f"{base}_delete", args=[quote(row.pk)]), dict(CONFIRMED)


def subject_of(model_admin: Any) -> Any:
    """The row that is attacked: one that nothing protects but the roles."""
    rows = model_admin.model._default_manager.order_by("pk")
    if model_admin.model is User:
        return rows.filter(is_staff=False).first()
    if model_admin.opts.label == "recommendations.Experiment":
        return rows.filter(status="draft").first()
    if model_admin.model is Movie:
        return rows.filter(status="published", merged_into=None).last()
    return rows.last()


def actions_of() -> Iterator[tuple[str, str, str, dict[str, Any]]]:
    """(model, action, address of the list, values) of each action, for all rows where the list takes that."""
    for model_admin in admin.site._registry.values():
        opts = model_admin.opts
        own = {key.partition(" ")[2] for key in ACTIONS if key.startswith(f"{opts.label} ")}
        page = reverse(f"admin:{opts.app_label}_{opts.model_name}_changelist")
        chosen = {"_selected_action": [str(subject_of(model_admin).pk)]}
        chosen |= {"select_across": "0" if isinstance(model_admin, KeysetAdmin) else "1"}
        # One that belongs to another model, too.
        for name in sorted({"delete_selected", *own, *(["make_live"] if opts.label == "movies.Movie" else [])}):
            yield opts.label, name, page, {**CONFIRMED, **chosen, "action": name}


def own_pages() -> Iterator[tuple[str, str]]:
    """(name, address) of each page that a model's admin has beside Django's."""
    for model_admin, name in pages():
        assert name in PAGES, name
        try:
            yield name, reverse(f"admin:{name}")
        except NoReverseMatch:
            yield name, reverse(f"admin:{name}", args=[subject_of(model_admin).pk])

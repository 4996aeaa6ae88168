"""Scenarios, rules and curated rows in the admin. What a rule conflicts with is shown before it is saved."""

from __future__ import annotations

import json
from typing import Any, cast

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.core.exceptions import NON_FIELD_ERRORS, PermissionDenied, ValidationError
from django.db.models import Model, QuerySet
from django.forms import ModelForm
from django.forms.fields import InvalidJSONInput
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, render
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html
from unfold.widgets import UnfoldAdminTextareaWidget

from movies.availability.admin import country_field
from movies.caching.announcing import AnnouncingAdmin
from movies.caching.version_tokens import invalidate_catalogue_on_commit
from movies.models import Movie
from movies.strict_json import StrictDecoder
from recommendations.admin.rule_summary import rule_does, rule_where, with_titles
from recommendations.curation.drafts import Conflict, RuleDraft, rule_check, rule_conflicts
from recommendations.curation.services import (
    config_check,
    row_save,
    rule_end,
    rule_save,
    scenario_diff,
    scenario_publish,
    scenario_rollback,
    scenario_save,
)
from recommendations.models import CuratedRow, CurationRule, Scenario, ScenarioVersion
from recsys_project.staff_admin import StaffAutocompleteSelectMultiple
from recsys_project.staff_admin.numbers import id_typed
from recsys_project.staff_admin.reasons import ReasonField


def _movies_field(model: type[Model], *, required: bool) -> forms.ModelMultipleChoiceField:
    """A choice of movies by autocomplete, which keeps the order in which they were chosen."""
    return forms.ModelMultipleChoiceField(
        Movie.objects.all(),
        required=required,
        label="Movies",
        widget=StaffAutocompleteSelectMultiple(model._meta.get_field("movies"), admin.site),
        help_text="In the order in which they are chosen.",
    )


_RULE_FIELDS = [
    *("kind", "reason", "row", "place", "share", "weight", "priority"),
    *("scenario", "genre", "country", "arm", "starts_at", "ends_at", "enabled"),
]


class _MoviesForm(ModelForm):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk:
            self.fields["films"].initial = list(self.instance.entries.values_list("movie_id", flat=True))

    def movie_ids(self) -> list[int]:
        """The chosen movies, in their order, which the cleaned queryset does not have."""
        chosen = {movie.pk for movie in self.cleaned_data.get("films", ())}
        name, data = self.add_prefix("films"), self.data
        texts = data.getlist(name) if hasattr(data, "getlist") else data.get(name, [])
        return [pk for pk in dict.fromkeys(id_typed(str(text)) for text in texts) if pk in chosen]


class RuleForm(_MoviesForm):
    """A rule. Conflicts are shown before it is saved; staff may save in spite of those that are not serious.

    previewing: set by a preview, which shows conflicts and is not stopped by them.
    """

    previewing = False
    reason = ReasonField(help_text="Why, for other staff. People do not see it.")
    films = _movies_field(CurationRule, required=False)
    country = country_field(required=False, help_text="Only in lists of this country. Empty: everywhere.")
    # Sent by the button "Save anyway".
    confirmed = forms.BooleanField(required=False, widget=forms.HiddenInput)

    class Meta:
        model = CurationRule
        fields = _RULE_FIELDS

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.conflicts: list[Conflict] = []
        self.acceptable = True

    def draft(self) -> RuleDraft:
        """The rule that the cleaned fields describe."""
        values: dict[str, Any] = {name: self.cleaned_data.get(name) for name in _RULE_FIELDS}
        return RuleDraft(movie_ids=self.movie_ids(), **values)

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if self.errors:
            return cleaned
        draft = self.draft()
        try:
            rule_check(draft)
        except ValidationError as error:
            for name, texts in error.message_dict.items():
                field = {"movies": "films"}.get(name, name)
                self.add_error(field if field in self.fields else NON_FIELD_ERRORS, texts)
            return cleaned
        self.conflicts = rule_conflicts(draft, rule_id=self.instance.pk)
        self.acceptable = not any(conflict.serious for conflict in self.conflicts)
        accepted = self.acceptable and bool(cleaned.get("confirmed"))
        if self.conflicts and not accepted and not self.previewing:
            self.add_error(None, "This rule conflicts with others. Nothing is saved yet.")
        return cleaned


class RowForm(_MoviesForm):
    films = _movies_field(CuratedRow, required=True)

    class Meta:
        model = CuratedRow
        fields = ["name", "title"]


class ConfigField(forms.JSONField):
    """JSON that is shown with one entry a line."""

    def prepare_value(self, value: Any) -> Any:
        return value if isinstance(value, InvalidJSONInput) else json.dumps(value, indent=2, ensure_ascii=False)


class ScenarioForm(ModelForm):
    """A scenario, and the configuration of its next version."""

    config = ConfigField(
        required=False,
        label="configuration",
        decoder=StrictDecoder,
        widget=UnfoldAdminTextareaWidget,
        help_text="A change makes a new version, which is not live until it is published. See docs/staff.md.",
    )
    note = ReasonField(required=False, help_text="What changes, and why.")

    class Meta:
        model = Scenario
        fields = ["name", "title", "description"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        newest = self.instance.versions.first() if self.instance.pk else None
        self.fields["config"].initial = newest.config if newest else {}

    def clean_config(self) -> dict[str, Any]:
        """The configuration, which must be readable."""
        config = self.cleaned_data["config"] or {}
        try:
            config_check(config)
        except ValidationError as error:
            raise ValidationError(error.messages) from error
        return dict(config)


class CurationAdmin(AnnouncingAdmin):
    """Deleting changes lists, too."""

    list_before_template = "admin/preview_links.html"

    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Says what contradicts if something changed between the check of the form and the saving; nothing is saved."""
        try:
            response: HttpResponse = super().changeform_view(request, *args, **kwargs)
        except ValidationError as error:
            self.message_user(request, f"Nothing is saved. {' '.join(error.messages)}", messages.ERROR)
            return HttpResponseRedirect(request.get_full_path())
        return response

    def delete_model(self, request: HttpRequest, obj: Model) -> None:
        super().delete_model(request, obj)
        invalidate_catalogue_on_commit()

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        super().delete_queryset(request, queryset)
        invalidate_catalogue_on_commit()


@admin.register(CurationRule)
class CurationRuleAdmin(CurationAdmin):
    form = RuleForm
    list_display = ["id", "kind_word", "does", "reason", "where", "state", "priority", "ends_at"]
    list_filter = ["kind", "enabled", "scenario"]
    list_select_related = ["scenario", "genre", "row"]
    search_fields = ["reason", "entries__movie__search_title__contains"]
    autocomplete_fields = ["row", "scenario", "genre"]
    actions = ["end"]
    show_full_result_count = False
    change_form_before_template = "admin/rule_conflicts_of_form.html"
    change_form_after_template = "admin/rule_preview_button.html"
    fieldsets = [
        (None, {"fields": ("kind", "reason", "films", "row")}),
        ("What it does", {"fields": ("place", "share", "weight", "priority")}),
        ("Where", {"fields": ("scenario", "genre", "country", "arm")}),
        ("When", {"fields": ("starts_at", "ends_at", "enabled")}),
    ]

    def save_model(self, request: HttpRequest, obj: CurationRule, form: RuleForm, change: bool) -> None:
        if not change:
            obj.created_by = request.user  # type: ignore[assignment]
        rule_save(draft=form.draft(), rule=obj, confirmed=form.cleaned_data["confirmed"])

    def get_queryset(self, request: HttpRequest) -> QuerySet[CurationRule]:
        return with_titles(super().get_queryset(request))

    @admin.display(description="kind", ordering="kind")
    def kind_word(self, rule: CurationRule) -> str:
        return rule.kind

    @admin.display(description="what it does")
    def does(self, rule: CurationRule) -> str:
        return rule_does(rule)

    @admin.display(description="where")
    def where(self, rule: CurationRule) -> str:
        return rule_where(rule)

    @admin.display(description="state")
    def state(self, rule: CurationRule) -> str:
        now = timezone.now()
        if not rule.enabled:
            return "off"
        if rule.ends_at is not None and rule.ends_at <= now:
            return "ended"
        return "planned" if rule.starts_at is not None and rule.starts_at > now else "in force"

    @admin.action(description="End the selected rules now", permissions=["change"])
    def end(self, request: HttpRequest, queryset: QuerySet[CurationRule]) -> None:
        for rule in queryset:
            rule_end(rule=rule)
            self.log_change(request, rule, "Ended.")
        self.message_user(request, "Ended.")


@admin.register(CuratedRow)
class CuratedRowAdmin(CurationAdmin):
    form = RowForm
    list_display = ["name", "title"]
    search_fields = ["name", "title"]
    fields = ("name", "title", "films")

    def save_model(self, request: HttpRequest, obj: CuratedRow, form: RowForm, change: bool) -> None:
        row_save(row=obj, movie_ids=form.movie_ids())


@admin.register(Scenario)
class ScenarioAdmin(CurationAdmin):
    form = ScenarioForm
    list_display = ["name", "title", "live_version", "versions_link"]
    search_fields = ["name", "title"]
    fields = ("name", "title", "description", "config", "note")
    change_form_after_template = "admin/scenario_preview_button.html"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Scenario]:
        return super().get_queryset(request).prefetch_related("versions")

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.versions_view)
        return [
            path("<path:object_id>/versions/", view, name="recommendations_scenario_versions"),
            *super().get_urls(),
        ]

    def get_readonly_fields(self, request: HttpRequest, obj: Scenario | None = None) -> tuple[str, ...]:
        # Clients ask for it by its name.
        return ("name",) if obj else ()

    def save_model(self, request: HttpRequest, obj: Scenario, form: ScenarioForm, change: bool) -> None:
        super().save_model(request, obj, form, change)
        config, newest = form.cleaned_data["config"], obj.versions.first()
        if newest is None or newest.config != config:
            note, user = form.cleaned_data["note"], cast(Any, request.user)
            version = scenario_save(scenario=obj, config=config, note=note, user=user)
            page = reverse("admin:recommendations_scenario_versions", args=[obj.pk])
            text = 'Version {} is saved and not live. <a href="{}">Compare and publish</a>'
            self.message_user(request, format_html(text, version.number, page), messages.WARNING)

    @admin.display(description="live version")
    def live_version(self, scenario: Scenario) -> str:
        return next((str(version.number) for version in scenario.versions.all() if version.live), "-")

    @admin.display(description="versions")
    def versions_link(self, scenario: Scenario) -> str:
        page = reverse("admin:recommendations_scenario_versions", args=[scenario.pk])
        return format_html('<a href="{}">Compare, publish, roll back</a>', page)

    def versions_view(self, request: HttpRequest, object_id: str) -> HttpResponseBase:
        """All versions, each with what it changes of the one before; a POST publishes one or rolls back."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        scenario = self.get_object(request, unquote(object_id))
        if scenario is None:
            return self._get_obj_does_not_exist_redirect(request, self.opts, object_id)
        if request.method == "POST":
            if not self.has_change_permission(request):
                raise PermissionDenied
            return self._versions_change(request, scenario)
        versions = list(scenario.versions.select_related("created_by"))
        older: list[ScenarioVersion | None] = [*versions[1:], None][: len(versions)]
        shown = [
            {"version": version, "changes": scenario_diff(before.config if before else {}, version.config)}
            for version, before in zip(versions, older, strict=True)
        ]
        context = {
            **self.admin_site.each_context(request),
            "title": f"Versions of {scenario.name}",
            "opts": self.opts,
            "scenario": scenario,
            "shown": shown,
            "may_change": self.has_change_permission(request),
        }
        response: HttpResponse = render(request, "admin/scenario_versions.html", context)
        return response

    def _versions_change(self, request: HttpRequest, scenario: Scenario) -> HttpResponse:
        try:
            if "rollback" in request.POST:
                version = scenario_rollback(scenario=scenario)
            else:
                number = request.POST.get("publish", "")
                wanted = scenario.versions.filter(number=id_typed(number))
                version = scenario_publish(version=get_object_or_404(wanted))
        except ValidationError as error:
            self.message_user(request, " ".join(error.messages), messages.ERROR)
        else:
            self.log_change(request, scenario, f"Version {version.number} made live.")
            self.message_user(request, f"Version {version.number} is live.")
        return HttpResponseRedirect(request.path)

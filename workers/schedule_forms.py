"""Forms of the schedule, which refuse what beat could not read."""

from __future__ import annotations

import inspect
import json
from datetime import timedelta
from typing import Any, Final

from django import forms
from django.core.exceptions import ValidationError
from django_celery_beat.admin import PeriodicTaskAdmin, PeriodicTaskForm, TaskSelectWidget
from django_celery_beat.models import IntervalSchedule
from kombu.utils.json import loads
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from movies.strict_json import StrictDecoder

OWN_TASKS = "workers.tasks."
# Entries of these tasks only say when something is due; run_due reads them and starts it (workers.schedule).
READ_BY_RUN_DUE = ("workers.tasks.training.train", "workers.tasks.training.tune")
MIN_INTERVAL: Final = timedelta(seconds=1)
MAX_INTERVAL: Final = timedelta(days=366)


class TaskWidget(UnfoldAdminSelectWidget, TaskSelectWidget):
    """The registered tasks, with the admin's look."""


class ScheduledTaskForm(PeriodicTaskForm):
    """django-celery-beat's form, which accepts any task, even Celery's own; restricted to the project's tasks."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["regtask"].widget = TaskWidget()
        self.fields["task"].widget = UnfoldAdminTextInputWidget()

    def clean_args(self) -> str:
        """The arguments, which must be a JSON list."""
        return _checked(self.cleaned_data["args"], list, "a list, such as []")

    def clean_kwargs(self) -> str:
        """The named arguments, which must be a JSON object."""
        return _checked(self.cleaned_data["kwargs"], dict, "an object, such as {}")

    def clean(self) -> dict[str, Any]:
        if self.errors:  # The parent's clean() assumes that every field is valid.
            return self.cleaned_data
        data: dict[str, Any] = super().clean()
        task = own_tasks().get(data["task"])
        if task is None:
            # An entry that beat itself created may be edited, but not turned into another task.
            if self.instance.pk is not None and not {"regtask", "task", "args", "kwargs"} & set(self.changed_data):
                return data
            raise ValidationError({"task": "Choose one of the registered tasks."})
        try:
            inspect.signature(task.run).bind(*loads(data["args"]), **loads(data["kwargs"]))
        except TypeError as error:
            raise ValidationError({"args": f"This task does not take these arguments: {error}."}) from error
        repeats = (data.get("crontab") or data.get("interval")) and not data.get("one_off")
        if task.name in READ_BY_RUN_DUE and not repeats:
            raise ValidationError({"task": "Give this task a crontab or an interval, and do not make it one-off."})
        return data


class IntervalForm(forms.ModelForm):
    """An interval that a clock can count: from a second to a year."""

    class Meta:
        model = IntervalSchedule
        fields = ("every", "period")

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if self.errors:
            return cleaned
        try:
            length = timedelta(**{cleaned["period"]: cleaned["every"]})
        except OverflowError:
            length = timedelta.max
        if not MIN_INTERVAL <= length <= MAX_INTERVAL:
            raise ValidationError({"every": "An interval lasts from 1 second to 366 days."})
        return cleaned


def own_tasks() -> dict[str, Any]:
    """The project's tasks by name."""
    app = PeriodicTaskAdmin.celery_app
    app.loader.import_default_modules()
    return {name: task for name, task in app.tasks.items() if name.startswith(OWN_TASKS)}


def _checked(text: str, kind: type, words: str) -> str:
    """The JSON as it was typed. Raises ValidationError for what beat and workers cannot read.

    They turn an object with "__type__" into another value, and end where that fails.
    """
    try:
        value = json.loads(text, cls=StrictDecoder)
    except json.JSONDecodeError as error:
        raise ValidationError(f"This is no JSON: {error.msg[:100]}.") from error
    if not isinstance(value, kind):
        raise ValidationError(f"This must be {words}.")
    if '"__type__"' in json.dumps(value):
        raise ValidationError("No object may have the key __type__.")
    return text

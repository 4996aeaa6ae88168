"""The schedule in the admin."""

import inspect
from typing import Any

from django.contrib import admin
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django_celery_beat.admin import PeriodicTaskAdmin, PeriodicTaskForm
from django_celery_beat.models import ClockedSchedule, PeriodicTask, SolarSchedule
from kombu.utils.json import loads

OWN_TASKS = "workers.tasks."
# Where a message goes and what else it says; Celery's own settings say that of each task.
ROUTING = ("queue", "exchange", "routing_key", "priority", "headers")

# Their entries say when something is due; no message of theirs starts it (workers.schedule).
READ_BY_RUN_DUE = ("workers.tasks.training.train", "workers.tasks.training.tune")

# Nothing here runs once at a time or by the sun.
admin.site.unregister([PeriodicTask, ClockedSchedule, SolarSchedule])


class ScheduledTaskForm(PeriodicTaskForm):
    """django-celery-beat's, which takes the name of any task at all, Celery's own among them, which run other ones."""

    def clean(self) -> dict[str, Any]:
        if self.errors:  # What the form's own clean would miss, it looks for without asking.
            return self.cleaned_data
        data: dict[str, Any] = super().clean()
        task = _own_tasks().get(data["task"])
        if task is None:
            # An entry that beat made for itself may be edited, and stays what it is.
            if self.instance.pk is not None and not {"regtask", "task", "args", "kwargs"} & set(self.changed_data):
                return data
            raise ValidationError({"task": "Choose one of the registered tasks."})
        try:
            inspect.signature(task.run).bind(*loads(data["args"]), **loads(data["kwargs"]))
        except TypeError as error:
            raise ValidationError({"args": f"This task is not called like that: {error}."}) from error
        repeats = (data.get("crontab") or data.get("interval")) and not data.get("one_off")
        if task.name in READ_BY_RUN_DUE and not repeats:
            raise ValidationError({"task": "Give this task a crontab or an interval, and do not make it one-off."})
        return data


@admin.register(PeriodicTask)
class ScheduledTaskAdmin(PeriodicTaskAdmin):
    """django-celery-beat's, whose actions (enable, disable, run) are open to whoever may look at the schedule."""

    form = ScheduledTaskForm

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return (*super().get_readonly_fields(request, obj), *ROUTING)

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        """All of them change what runs, so they are for those who may change it; to delete has its own permission."""
        actions = super().get_actions(request)
        if self.has_change_permission(request):
            return actions
        return {name: action for name, action in actions.items() if name == "delete_selected"}


def _own_tasks() -> dict[str, Any]:
    """The project's tasks by name."""
    app = PeriodicTaskAdmin.celery_app
    app.loader.import_default_modules()
    return {name: task for name, task in app.tasks.items() if name.startswith(OWN_TASKS)}

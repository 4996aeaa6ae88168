"""The schedule in the admin."""

import inspect
from typing import Any

from django.contrib import admin
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.utils import timezone
from django.utils.html import format_html
from django_celery_beat.admin import CrontabScheduleAdmin, PeriodicTaskAdmin, PeriodicTaskForm, TaskSelectWidget
from django_celery_beat.models import ClockedSchedule, CrontabSchedule, IntervalSchedule, PeriodicTask, SolarSchedule
from kombu.utils.json import loads
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from recsys_project.staff_admin import StaffModelAdmin, StaffTabularInline
from workers.schedule import next_slot, schedule_in_words

OWN_TASKS = "workers.tasks."
# Routing and headers of a message, read-only here: Celery's settings define them for each task.
ROUTING = ("queue", "exchange", "routing_key", "priority", "headers")

# Entries of these tasks only say when something is due; run_due reads them and starts it (workers.schedule).
READ_BY_RUN_DUE = ("workers.tasks.training.train", "workers.tasks.training.tune")

# No task here runs at a clocked time or by the sun.
admin.site.unregister([PeriodicTask, ClockedSchedule, SolarSchedule, CrontabSchedule, IntervalSchedule])


class TaskWidget(UnfoldAdminSelectWidget, TaskSelectWidget):
    """The registered tasks, with the admin's look."""


class ScheduledTaskForm(PeriodicTaskForm):
    """django-celery-beat's form, which accepts any task, even Celery's own; restricted to the project's tasks."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["regtask"].widget = TaskWidget()
        self.fields["task"].widget = UnfoldAdminTextInputWidget()

    def clean(self) -> dict[str, Any]:
        if self.errors:  # The parent's clean() assumes that every field is valid.
            return self.cleaned_data
        data: dict[str, Any] = super().clean()
        task = _own_tasks().get(data["task"])
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


@admin.register(PeriodicTask)
class ScheduledTaskAdmin(PeriodicTaskAdmin, StaffModelAdmin):
    """django-celery-beat's admin, which lets anyone who may view the schedule enable, disable and run tasks."""

    form = ScheduledTaskForm
    list_display = ("name", "enabled", "words", "next_run", "last_run_at", "one_off")
    list_select_related = ("crontab", "interval", "solar", "clocked")

    class Media:
        js = ("recsys_project/local_times.js",)

    @admin.display(description="when", ordering="crontab")
    def words(self, entry: PeriodicTask) -> str:
        return schedule_in_words(entry)

    @admin.display(description="next run")
    def next_run(self, entry: PeriodicTask) -> str:
        """In UTC; a script turns it into the reader's time."""
        slot = next_slot(entry, now=timezone.now())
        if slot is None:
            return "-"
        return format_html('<time datetime="{}" data-local>{} UTC</time>', slot.isoformat(), f"{slot:%Y-%m-%d %H:%M}")

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return (*super().get_readonly_fields(request, obj), *ROUTING)

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        """Requires the change permission for every action but deletion, which has its own permission."""
        actions = super().get_actions(request)
        if self.has_change_permission(request):
            return actions
        return {name: action for name, action in actions.items() if name == "delete_selected"}


class TasksOfSchedule(StaffTabularInline):
    """The tasks that a schedule starts, to read."""

    model = PeriodicTask
    fields = ("name", "task", "args", "kwargs")
    readonly_fields = fields
    can_delete = False
    show_change_link = True
    verbose_name_plural = "tasks with this schedule"

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(CrontabSchedule)
class StaffCrontabAdmin(CrontabScheduleAdmin, StaffModelAdmin):
    inlines = [TasksOfSchedule]


@admin.register(IntervalSchedule)
class StaffIntervalAdmin(StaffModelAdmin):
    inlines = [TasksOfSchedule]


def _own_tasks() -> dict[str, Any]:
    """The project's tasks by name."""
    app = PeriodicTaskAdmin.celery_app
    app.loader.import_default_modules()
    return {name: task for name, task in app.tasks.items() if name.startswith(OWN_TASKS)}

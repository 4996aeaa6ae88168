"""The schedule in the admin."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils import timezone
from django.utils.html import format_html
from django_celery_beat.admin import CrontabScheduleAdmin, PeriodicTaskAdmin
from django_celery_beat.models import ClockedSchedule, CrontabSchedule, IntervalSchedule, PeriodicTask, SolarSchedule

from recsys_project.staff_admin import StaffModelAdmin, StaffTabularInline
from workers.schedule import next_slot, schedule_in_words
from workers.schedule_forms import IntervalForm, ScheduledTaskForm

# Routing and headers of a message, read-only here: Celery's settings define them for each task.
ROUTING = ("queue", "exchange", "routing_key", "priority", "headers")

# No task here runs at a clocked time or by the sun.
admin.site.unregister([PeriodicTask, ClockedSchedule, SolarSchedule, CrontabSchedule, IntervalSchedule])


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
    form = IntervalForm
    inlines = [TasksOfSchedule]

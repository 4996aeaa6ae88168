"""Adds two entries to the initial schedule; staff change them in the admin."""

from django.db import migrations

# The hour and minute are UTC. The week's tuning comes after the night's training.
TASKS = [
    (
        "Weekly tuning",
        "workers.tasks.training.tune",
        {"minute": "0", "hour": "4", "day_of_week": "0"},
        12 * 3600,
        "Searches hyperparameters on validation data, which later trainings use.",
    ),
    (
        "Expired tokens",
        "workers.tasks.maintenance.flush_tokens",
        {"minute": "30", "hour": "2", "day_of_week": "*"},
        6 * 3600,
        "Deletes refresh tokens that have expired.",
    ),
]


def create_schedule(apps, schema_editor):
    crontab_schedule = apps.get_model("django_celery_beat", "CrontabSchedule")
    periodic_task = apps.get_model("django_celery_beat", "PeriodicTask")
    for name, task, when, expires, description in TASKS:
        crontab, _ = crontab_schedule.objects.get_or_create(
            timezone="UTC", day_of_month="*", month_of_year="*", **when
        )
        periodic_task.objects.get_or_create(
            name=name,
            defaults={"task": task, "crontab": crontab, "expire_seconds": expires, "description": description},
        )


def delete_schedule(apps, schema_editor):
    names = [name for name, *_ in TASKS]
    apps.get_model("django_celery_beat", "PeriodicTask").objects.filter(name__in=names).delete()


class Migration(migrations.Migration):
    dependencies = [("workers", "0001_schedule")]

    operations = [migrations.RunPython(create_schedule, delete_schedule)]

"""Announces within a minute each committed change that was not announced."""

from django.db import migrations

SWEEP = "Changes that nobody announced"


def create_sweep(apps, schema_editor):
    interval_schedule = apps.get_model("django_celery_beat", "IntervalSchedule")
    half_minute, _ = interval_schedule.objects.get_or_create(every=30, period="seconds")
    apps.get_model("django_celery_beat", "PeriodicTask").objects.get_or_create(
        name=SWEEP,
        defaults={
            "task": "workers.tasks.maintenance.announce_changes",
            "interval": half_minute,
            # A message that no worker received expires before the next one is due.
            "expire_seconds": 25,
            "description": "An event counts within a minute even if its process died. Two queries if nothing was missed.",
        },
    )


def delete_sweep(apps, schema_editor):
    apps.get_model("django_celery_beat", "PeriodicTask").objects.filter(name=SWEEP).delete()


class Migration(migrations.Migration):
    dependencies = [("workers", "0004_run_due")]

    operations = [migrations.RunPython(create_sweep, delete_sweep)]

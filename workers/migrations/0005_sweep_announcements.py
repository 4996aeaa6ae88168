"""What was committed and not announced is announced within a minute."""

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
            # A message that no worker took expires before the next one is due.
            "expire_seconds": 25,
            "description": "Two queries when nothing was lost; so an event counts within a minute whatever dies.",
        },
    )


def delete_sweep(apps, schema_editor):
    apps.get_model("django_celery_beat", "PeriodicTask").objects.filter(name=SWEEP).delete()


class Migration(migrations.Migration):
    dependencies = [("workers", "0004_run_due")]

    operations = [migrations.RunPython(create_sweep, delete_sweep)]

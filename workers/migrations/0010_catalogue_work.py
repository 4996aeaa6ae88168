"""Merges and deletions of movies that wait, every ten seconds."""

from django.db import migrations

SWEEP = "Merges and deletions of movies"


def create_sweep(apps, schema_editor):
    interval_schedule = apps.get_model("django_celery_beat", "IntervalSchedule")
    ten_seconds, _ = interval_schedule.objects.get_or_create(every=10, period="seconds")
    apps.get_model("django_celery_beat", "PeriodicTask").objects.get_or_create(
        name=SWEEP,
        defaults={
            "task": "workers.tasks.catalogue.run_waiting",
            "interval": ten_seconds,
            # A message that no worker received expires before the next one is due.
            "expire_seconds": 8,
            "description": "Large merges and deletions that staff asked for. Two queries if nothing waits.",
        },
    )


def delete_sweep(apps, schema_editor):
    apps.get_model("django_celery_beat", "PeriodicTask").objects.filter(name=SWEEP).delete()


class Migration(migrations.Migration):
    dependencies = [("workers", "0009_readiness")]

    operations = [migrations.RunPython(create_sweep, delete_sweep)]

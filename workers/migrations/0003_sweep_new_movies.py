"""Computes the vectors of new and edited movies within a minute. The hourly refresh stays, for what a sweep missed."""

from django.db import migrations

SWEEP = "Vectors of new and edited movies, at once"


def create_sweep(apps, schema_editor):
    interval_schedule = apps.get_model("django_celery_beat", "IntervalSchedule")
    half_minute, _ = interval_schedule.objects.get_or_create(every=30, period="seconds")
    apps.get_model("django_celery_beat", "PeriodicTask").objects.get_or_create(
        name=SWEEP,
        defaults={
            "task": "workers.tasks.refresh.embeddings",
            "interval": half_minute,
            # A message that no worker received expires before the next one is due.
            "expire_seconds": 25,
            "description": "New movies get vectors within a minute. One query if nothing changed.",
        },
    )


def delete_sweep(apps, schema_editor):
    apps.get_model("django_celery_beat", "PeriodicTask").objects.filter(name=SWEEP).delete()


class Migration(migrations.Migration):
    dependencies = [("workers", "0002_tuning_and_tokens")]

    operations = [migrations.RunPython(create_sweep, delete_sweep)]

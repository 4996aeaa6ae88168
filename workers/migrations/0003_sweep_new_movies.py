"""New and edited movies get their vectors within a minute; the hourly refresh stays, for what a sweep could not do."""

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
            # A message that no worker took expires before the next one is due.
            "expire_seconds": 25,
            "description": "One query when nothing changed; so a new movie is found within a minute.",
        },
    )


def delete_sweep(apps, schema_editor):
    apps.get_model("django_celery_beat", "PeriodicTask").objects.filter(name=SWEEP).delete()


class Migration(migrations.Migration):
    dependencies = [("workers", "0002_tuning_and_tokens")]

    operations = [migrations.RunPython(create_sweep, delete_sweep)]

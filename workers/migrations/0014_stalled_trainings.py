"""Ends trainings whose process hangs, from the other queue: the trainer may be what hangs."""

from django.db import migrations

NAME = "Trainings that hang"


def create_entry(apps, schema_editor):
    minute, _ = apps.get_model("django_celery_beat", "IntervalSchedule").objects.get_or_create(
        every=1, period="minutes"
    )
    apps.get_model("django_celery_beat", "PeriodicTask").objects.get_or_create(
        name=NAME,
        defaults={
            "task": "workers.tasks.watch.trainings",
            "interval": minute,
            # A message that no worker received expires before the next one is due.
            "expire_seconds": 55,
            "description": "Ends a training that gave no sign of life for TRAINING_STALLED_MINUTES; it is tried again.",
        },
    )


def delete_entry(apps, schema_editor):
    apps.get_model("django_celery_beat", "PeriodicTask").objects.filter(name=NAME).delete()


class Migration(migrations.Migration):
    dependencies = [("workers", "0013_fold_lists")]

    operations = [migrations.RunPython(create_entry, delete_entry)]

"""Folds newer feedback into lists each hour, where that is on."""

from django.db import migrations

NAME = "Lists brought up to date"


def create_entry(apps, schema_editor):
    crontab, _ = apps.get_model("django_celery_beat", "CrontabSchedule").objects.get_or_create(
        timezone="UTC", minute="37", hour="*", day_of_week="*", day_of_month="*", month_of_year="*"
    )
    apps.get_model("django_celery_beat", "PeriodicTask").objects.get_or_create(
        name=NAME,
        defaults={
            "task": "workers.tasks.folding.hourly",
            "crontab": crontab,
            "expire_seconds": 1800,
            "description": "With FOLD_LISTS: folds what people did since the training into their lists.",
        },
    )


def delete_entry(apps, schema_editor):
    apps.get_model("django_celery_beat", "PeriodicTask").objects.filter(name=NAME).delete()


class Migration(migrations.Migration):
    dependencies = [("workers", "0012_watch_versions")]

    operations = [migrations.RunPython(create_entry, delete_entry)]

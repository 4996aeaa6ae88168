"""Watches the live version each hour, after the statistics of minute 7."""

from django.db import migrations

NAME = "Watch of the live version"


def create_entry(apps, schema_editor):
    crontab, _ = apps.get_model("django_celery_beat", "CrontabSchedule").objects.get_or_create(
        timezone="UTC", minute="22", hour="*", day_of_week="*", day_of_month="*", month_of_year="*"
    )
    apps.get_model("django_celery_beat", "PeriodicTask").objects.get_or_create(
        name=NAME,
        defaults={
            "task": "workers.tasks.watch.hourly",
            "crontab": crontab,
            "expire_seconds": 1800,
            "description": "Rolls back a new version whose lists people open less, or that are empty or popular only.",
        },
    )


def delete_entry(apps, schema_editor):
    apps.get_model("django_celery_beat", "PeriodicTask").objects.filter(name=NAME).delete()


class Migration(migrations.Migration):
    dependencies = [("workers", "0011_index_recall")]

    operations = [migrations.RunPython(create_entry, delete_entry)]

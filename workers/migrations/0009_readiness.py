"""Counts the catalogue's readiness four times a day."""

from django.db import migrations

NAME = "Readiness of the catalogue"


def create_entry(apps, schema_editor):
    crontab, _ = apps.get_model("django_celery_beat", "CrontabSchedule").objects.get_or_create(
        timezone="UTC", minute="25", hour="*/6", day_of_week="*", day_of_month="*", month_of_year="*"
    )
    apps.get_model("django_celery_beat", "PeriodicTask").objects.get_or_create(
        name=NAME,
        defaults={
            "task": "workers.tasks.readiness.count",
            "crontab": crontab,
            "expire_seconds": 3600,
            "description": "Counts each movie's ratings and places in lists, for the page of the catalogue's readiness.",
        },
    )


def delete_entry(apps, schema_editor):
    apps.get_model("django_celery_beat", "PeriodicTask").objects.filter(name=NAME).delete()


class Migration(migrations.Migration):
    dependencies = [("workers", "0008_attribution")]

    operations = [migrations.RunPython(create_entry, delete_entry)]

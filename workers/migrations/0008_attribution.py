"""Statistics of recommendations: each hour, and each night with the days."""

from django.db import migrations

ENTRIES = {
    "Hourly statistics of recommendations": {
        "task": "workers.tasks.attribution.hourly",
        "crontab": {"minute": "7", "hour": "*"},
        # A message that no worker received expires before the next one is due; the next run does its work.
        "expire_seconds": 3000,
        "description": "What people did with the lists of the last hours. A missed run is made up by the next.",
    },
    "Nightly statistics of recommendations": {
        "task": "workers.tasks.attribution.nightly",
        "crontab": {"minute": "37", "hour": "4"},
        "expire_seconds": 6 * 3600,
        "description": "Reads the last three days again, counts days, and drops old statistics.",
    },
}


def create_entries(apps, schema_editor):
    crontab_schedule = apps.get_model("django_celery_beat", "CrontabSchedule")
    periodic_task = apps.get_model("django_celery_beat", "PeriodicTask")
    for name, entry in ENTRIES.items():
        daily = {"day_of_week": "*", "day_of_month": "*", "month_of_year": "*", "timezone": "UTC"}
        crontab, _ = crontab_schedule.objects.get_or_create(**entry["crontab"], **daily)
        periodic_task.objects.get_or_create(name=name, defaults={**entry, "crontab": crontab})


def delete_entries(apps, schema_editor):
    apps.get_model("django_celery_beat", "PeriodicTask").objects.filter(name__in=ENTRIES).delete()


class Migration(migrations.Migration):
    dependencies = [("workers", "0007_served_log")]

    operations = [migrations.RunPython(create_entries, delete_entries)]

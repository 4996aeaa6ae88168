"""The recall of vector search, measured every hour."""

from django.db import migrations

PROBE = "Recall of vector search"


def create_probe(apps, schema_editor):
    crontab, _ = apps.get_model("django_celery_beat", "CrontabSchedule").objects.get_or_create(
        minute="35", hour="*", day_of_week="*", day_of_month="*", month_of_year="*", timezone="UTC"
    )
    apps.get_model("django_celery_beat", "PeriodicTask").objects.get_or_create(
        name=PROBE,
        defaults={
            "task": "workers.tasks.maintenance.measure_recall",
            "crontab": crontab,
            "expire_seconds": 3000,
            "description": "Compares searches of 20 movies with exact ones, for /metrics and its alert.",
        },
    )


def delete_probe(apps, schema_editor):
    apps.get_model("django_celery_beat", "PeriodicTask").objects.filter(name=PROBE).delete()


class Migration(migrations.Migration):
    dependencies = [("workers", "0010_catalogue_work")]

    operations = [migrations.RunPython(create_probe, delete_probe)]

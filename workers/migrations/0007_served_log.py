"""Writes the log of served lists every ten seconds, and looks after its partitions every night."""

from django.db import migrations

DRAIN, PARTITIONS = "Log of served lists", "Partitions of the log of served lists"


def create_schedule(apps, schema_editor):
    tasks = apps.get_model("django_celery_beat", "PeriodicTask").objects
    ten_seconds, _ = apps.get_model("django_celery_beat", "IntervalSchedule").objects.get_or_create(
        every=10, period="seconds"
    )
    tasks.get_or_create(
        name=DRAIN,
        defaults={
            "task": "workers.tasks.served.drain",
            "interval": ten_seconds,
            # A message that no worker received expires before the next one is due.
            "expire_seconds": 8,
            "description": "Moves the log of served lists from Redis into PostgreSQL.",
        },
    )
    nightly, _ = apps.get_model("django_celery_beat", "CrontabSchedule").objects.get_or_create(
        timezone="UTC", minute="40", hour="2", day_of_week="*", day_of_month="*", month_of_year="*"
    )
    tasks.get_or_create(
        name=PARTITIONS,
        defaults={
            "task": "workers.tasks.served.partitions",
            "crontab": nightly,
            "expire_seconds": 6 * 3600,
            "description": "Makes the partitions of the next two months and drops those of SERVED_LOG_MONTHS ago.",
        },
    )


def delete_schedule(apps, schema_editor):
    tasks = apps.get_model("django_celery_beat", "PeriodicTask").objects
    tasks.filter(name__in=[DRAIN, PARTITIONS]).delete()


class Migration(migrations.Migration):
    dependencies = [("workers", "0006_send_mails")]

    operations = [migrations.RunPython(create_schedule, delete_schedule)]

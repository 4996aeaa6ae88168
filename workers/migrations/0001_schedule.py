"""The initial schedule. Staff change it in the admin; no code writes these entries again."""

from django.db import migrations

# The hour and minute are UTC.
NIGHTLY = {"minute": "0", "hour": "3", "day_of_week": "*", "day_of_month": "*", "month_of_year": "*"}
# The hourly tasks run at different minutes, none of them at the minute of the nightly training.
HOURLY = {"hour": "*", "day_of_week": "*", "day_of_month": "*", "month_of_year": "*"}

CRONTAB_TASKS = [
    # A message that no worker received expires before the next one is due.
    ("Nightly training", "workers.tasks.training.train", NIGHTLY, 6 * 3600, "Trains and publishes the model."),
    (
        "Popular movies",
        "workers.tasks.refresh.popular",
        {**HOURLY, "minute": "10"},
        3000,
        "Recomputes the popular lists.",
    ),
    (
        "Vectors of new and edited movies",
        "workers.tasks.refresh.embeddings",
        {**HOURLY, "minute": "20"},
        3000,
        "Computes the vectors of movies that were added or edited.",
    ),
]
REQUESTED = "Trainings that staff asked for"


def create_schedule(apps, schema_editor):
    crontab_schedule = apps.get_model("django_celery_beat", "CrontabSchedule")
    interval_schedule = apps.get_model("django_celery_beat", "IntervalSchedule")
    periodic_task = apps.get_model("django_celery_beat", "PeriodicTask")
    for name, task, when, expires, description in CRONTAB_TASKS:
        crontab, _ = crontab_schedule.objects.get_or_create(timezone="UTC", **when)
        periodic_task.objects.get_or_create(
            name=name,
            defaults={"task": task, "crontab": crontab, "expire_seconds": expires, "description": description},
        )
    minute, _ = interval_schedule.objects.get_or_create(every=1, period="minutes")
    periodic_task.objects.get_or_create(
        name=REQUESTED,
        defaults={
            "task": "workers.tasks.training.run_requested",
            "interval": minute,
            "expire_seconds": 55,
            "description": "Starts a requested training, and marks trainings whose process died as failed.",
        },
    )


def delete_schedule(apps, schema_editor):
    names = [name for name, *_ in CRONTAB_TASKS] + [REQUESTED]
    apps.get_model("django_celery_beat", "PeriodicTask").objects.filter(name__in=names).delete()


class Migration(migrations.Migration):
    dependencies = [("django_celery_beat", "0019_alter_periodictasks_options")]

    operations = [migrations.RunPython(create_schedule, delete_schedule)]

"""Decides every minute from the tables what is due; the nightly and weekly entries only say when that is."""

from django.db import migrations

REQUESTED, DUE = "Trainings that staff asked for", "Trainings that are due"
DUE_TASK = "workers.tasks.training.run_due"
DUE_DESCRIPTION = (
    "Starts a requested training, or the nightly training or weekly tuning if it is due and not done. Catches up on "
    "missed runs and restarts interrupted ones. The entries of the training and the tuning set when they are due."
)
DESCRIPTIONS = {
    "Nightly training": "When the nightly training is due; disabled: never. 'Trainings that are due' starts it.",
    "Weekly tuning": "When the search for hyperparameters is due; disabled: never. 'Trainings that are due' starts it.",
}


def run_due_each_minute(apps, schema_editor):
    interval_schedule = apps.get_model("django_celery_beat", "IntervalSchedule")
    entries = apps.get_model("django_celery_beat", "PeriodicTask").objects
    minute, _ = interval_schedule.objects.get_or_create(every=1, period="minutes")
    if entries.filter(name=DUE).exists():
        entries.filter(name=REQUESTED).delete()
    # Staff may have disabled it, or changed its interval.
    entries.filter(name=REQUESTED).update(name=DUE, task=DUE_TASK, description=DUE_DESCRIPTION)
    entries.get_or_create(
        name=DUE,
        defaults={"task": DUE_TASK, "interval": minute, "expire_seconds": 55, "description": DUE_DESCRIPTION},
    )
    for name, description in DESCRIPTIONS.items():
        entries.filter(name=name).update(description=description)


def run_requests_only(apps, schema_editor):
    apps.get_model("django_celery_beat", "PeriodicTask").objects.filter(name=DUE).update(
        name=REQUESTED, task="workers.tasks.training.run_requested"
    )


class Migration(migrations.Migration):
    dependencies = [("workers", "0003_sweep_new_movies")]

    operations = [migrations.RunPython(run_due_each_minute, run_requests_only)]

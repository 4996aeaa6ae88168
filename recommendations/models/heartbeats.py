"""The sign of life of a training's process."""

from django.db import models

from recommendations.models.versions import ModelVersion


class TrainingHeartbeat(models.Model):
    """When the process of a version's latest attempt last showed that it lives, and where it runs.

    A row of its own: a training holds its version's row locked while it writes, and a heartbeat must not wait for that.
    """

    version = models.OneToOneField(ModelVersion, on_delete=models.CASCADE, primary_key=True, related_name="heartbeat")
    at = models.DateTimeField()
    process = models.CharField(max_length=120, help_text="The machine and the process id.")
    backend = models.PositiveIntegerField(help_text="The process of PostgreSQL that holds the training lock for it.")
    task_id = models.CharField(max_length=64, blank=True, help_text="The Celery task; empty: manage.py train.")

    def __str__(self) -> str:
        return f"{self.process}, {self.at:%Y-%m-%d %H:%M:%S} UTC"

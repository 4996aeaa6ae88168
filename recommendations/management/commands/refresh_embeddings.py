"""``manage.py refresh_embeddings``: what the hourly task does, now."""

from typing import Any

from django.core.management.base import BaseCommand

from recommendations.embeddings import embeddings_refresh


class Command(BaseCommand):
    help = "Gives movies that were added or edited since the training their vectors."

    def handle(self, *args: Any, **options: Any) -> None:
        self.stdout.write(f"New vectors: {embeddings_refresh():,} movies.")

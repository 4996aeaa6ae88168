"""``manage.py refresh_embeddings``: what the hourly task does, now."""

from typing import Any

from movies.caching.announcing import AnnouncingCommand
from recommendations.vectors.refresh import embeddings_refresh


class Command(AnnouncingCommand):
    help = "Gives movies that were added or edited since the training their vectors."

    def handle(self, *args: Any, **options: Any) -> None:
        self.stdout.write(f"New vectors: {embeddings_refresh():,} movies.")

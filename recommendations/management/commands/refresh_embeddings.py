"""``manage.py refresh_embeddings``: runs the hourly task now."""

from typing import Any

from movies.caching.announcing import AnnouncingCommand
from recommendations.vectors.refresh import embeddings_refresh


class Command(AnnouncingCommand):
    help = "Computes the vectors of movies that were added or edited since the training."

    def handle(self, *args: Any, **options: Any) -> None:
        self.stdout.write(f"New vectors: {embeddings_refresh():,} movies.")

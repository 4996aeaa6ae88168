"""``manage.py refresh_popular``: runs the hourly task now."""

from typing import Any

from movies.caching.announcing import AnnouncingCommand
from recommendations.training.popular_movies import popular_refresh


class Command(AnnouncingCommand):
    help = "Rebuilds the popular lists, of everyone and of each genre."

    def handle(self, *args: Any, **options: Any) -> None:
        self.stdout.write(f"Popular lists: {popular_refresh():,} rows.")

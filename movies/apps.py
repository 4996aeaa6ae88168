from django.apps import AppConfig


class MoviesConfig(AppConfig):
    name = "movies"

    def ready(self) -> None:
        """Registers the lookup ``any_of``."""
        from movies.db import lookups  # noqa: F401, PLC0415 -- it imports Django's models.

from django.apps import AppConfig


class MoviesConfig(AppConfig):
    name = "movies"

    def ready(self) -> None:
        """Registers ``any_of``, for whoever filters by it."""
        from movies.db import lookups  # noqa: F401, PLC0415 -- it imports Django's models.

from django.apps import AppConfig


class MoviesConfig(AppConfig):
    name = "movies"

    def ready(self) -> None:
        """Registers the lookup ``any_of``, and the tables that name movies."""
        from movies.db import lookups  # noqa: F401, PLC0415 -- it imports Django's models.
        from movies.merging.references import CATALOGUE_REFERENCES, register  # noqa: PLC0415

        register(*CATALOGUE_REFERENCES)

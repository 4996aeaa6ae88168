from django.apps import AppConfig
from django.core.checks import register


class MoviesConfig(AppConfig):
    name = "movies"
    # Stands before the model in the heading of each page: "Catalogue > Movies".
    verbose_name = "Catalogue"

    def ready(self) -> None:
        """Registers the lookup ``any_of``, the checks of the settings, and the tables that name movies."""
        from movies.availability.regions import check_regions  # noqa: PLC0415 -- it needs the settings.
        from movies.db import lookups  # noqa: F401, PLC0415 -- it imports Django's models.
        from movies.merging import references  # noqa: PLC0415

        register(check_regions)
        references.register(*references.CATALOGUE_REFERENCES)

"""Fields that several requests have."""

from typing import Any

from rest_framework import serializers

from movies.text import normalise_query


class SearchTextField(serializers.CharField):
    """What somebody typed to find something, in the one form in which it is looked for (``normalise_query``)."""

    def run_validation(self, data: Any = serializers.empty) -> Any:
        """Normalises first, so that a text of invisible characters alone is blank and lengths are those looked for."""
        return super().run_validation(normalise_query(data) if isinstance(data, str) else data)

"""Serializer fields that several requests share."""

from typing import Any

from rest_framework import serializers

from movies.text import normalise_query

# A text longer than this many times the maximum is refused without the work of normalising it.
_MAX_EXCESS = 10


class SearchTextField(serializers.CharField):
    """A search text, normalised as the search needs it (``normalise_query``)."""

    def run_validation(self, data: Any = serializers.empty) -> Any:
        """Normalises before it validates: invisible characters alone are blank, and lengths are those of the search."""
        if isinstance(data, str) and len(data) <= _MAX_EXCESS * (self.max_length or len(data)):
            data = normalise_query(data)
        return super().run_validation(data)

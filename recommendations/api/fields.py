"""Fields that several requests have."""

from typing import Any

from rest_framework import serializers

from movies.text import normalise_query

# A text so many times as long as it may be stays too long in any form, and is not brought into one to find that out.
_HOPELESS = 10


class SearchTextField(serializers.CharField):
    """What somebody typed to find something, in the one form in which it is looked for (``normalise_query``)."""

    def run_validation(self, data: Any = serializers.empty) -> Any:
        """Normalises first, so that a text of invisible characters alone is blank and lengths are those looked for."""
        if isinstance(data, str) and len(data) <= _HOPELESS * (self.max_length or len(data)):
            data = normalise_query(data)
        return super().run_validation(data)

"""Model fields that normalise text when it is stored and in lookups: in forms, imports and the shell.

``movies.text.normalise_*`` define the form. Raw SQL bypasses fields; check constraints of the tables cover that.
"""

from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.db import models

from movies.text import normalise_line, normalise_text


class _Normalised(models.Field):
    """Normalises values from forms, values that are saved, also in bulk, and values of exact lookups."""

    def _normalise(self, text: str) -> str:
        raise NotImplementedError

    def to_python(self, value: Any) -> Any:
        value = super().to_python(value)
        return self._normalise(value) if isinstance(value, str) else value

    def get_prep_value(self, value: Any) -> Any:
        value = super().get_prep_value(value)
        return self._normalise(value) if isinstance(value, str) else value

    def pre_save(self, model_instance: models.Model, add: bool) -> Any:
        """Also sets the normalised value on the instance, so that it equals the row."""
        value = super().pre_save(model_instance, add)
        if isinstance(value, str):
            value = self._normalise(value)
            setattr(model_instance, self.attname, value)
        return value


class LineField(_Normalised, models.CharField):
    """A name or a title: one line in NFC, runs of whitespace as one space, without invisible characters."""

    def _normalise(self, text: str) -> str:
        return normalise_line(text)


class ProseField(_Normalised, models.TextField):
    """A text of several lines in NFC, without invisible characters."""

    def _normalise(self, text: str) -> str:
        return normalise_text(text)


class NFCNormalised(models.Func):
    """Whether a text is in NFC; a condition for check constraints."""

    template = "(%(expressions)s IS NFC NORMALIZED)"
    output_field = models.BooleanField()
    arity = 1


class NameKey(models.Func):
    """The key by which names of people and genres are compared: compatibility forms and case are folded."""

    function = "movies_name_key"
    output_field = models.TextField()
    arity = 1


class SearchKey(models.Func):
    """``movies.text.search_key`` in PostgreSQL."""

    function = "movies_search_key"
    output_field = models.TextField()
    arity = 1


class Unaccented(models.Func):
    """``movies.text.unaccented`` in PostgreSQL."""

    function = "movies_unaccented"
    output_field = models.TextField()
    arity = 1


class Initials(models.Func):
    """The initials of a title, a search key, and of its parts; ``initials_of`` of movies.titles_typed is the same."""

    function = "movies_initials"
    output_field = ArrayField(models.TextField())

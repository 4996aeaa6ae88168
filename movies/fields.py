"""Model fields that store and look for texts in one form, whichever way they come: forms, imports, the shell.

``normalise_*`` of ``movies.text`` says which form. Raw SQL goes past a field; the tables' checks stand behind it.
"""

from typing import Any

from django.db import models

from movies.text import normalise_line, normalise_text


class _Normalised(models.Field):
    """Normalises what a form gives, what is saved, in bulk too, and what an exact look-up asks for."""

    def _normalise(self, text: str) -> str:
        raise NotImplementedError

    def to_python(self, value: Any) -> Any:
        value = super().to_python(value)
        return self._normalise(value) if isinstance(value, str) else value

    def get_prep_value(self, value: Any) -> Any:
        value = super().get_prep_value(value)
        return self._normalise(value) if isinstance(value, str) else value

    def pre_save(self, model_instance: models.Model, add: bool) -> Any:
        """Also sets the instance, so that it says what the row says."""
        value = super().pre_save(model_instance, add)
        if isinstance(value, str):
            value = self._normalise(value)
            setattr(model_instance, self.attname, value)
        return value


class LineField(_Normalised, models.CharField):
    """A name or a title: one line, each run of blanks one space, NFC, nothing invisible."""

    def _normalise(self, text: str) -> str:
        return normalise_line(text)


class ProseField(_Normalised, models.TextField):
    """A text of several lines: NFC, nothing invisible."""

    def _normalise(self, text: str) -> str:
        return normalise_text(text)


class NFCNormalised(models.Func):
    """Whether a text is in NFC, as a condition of a check constraint."""

    template = "(%(expressions)s IS NFC NORMALIZED)"
    output_field = models.BooleanField()
    arity = 1


class NameKey(models.Func):
    """The form in which names of people and genres are compared: compatibility forms and case folded."""

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

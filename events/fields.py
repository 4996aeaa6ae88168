"""A column type that Django lacks."""

from typing import Any

from django.db import models


class RealField(models.FloatField):
    """A four-byte float (``real``): half the size of Django's ``double precision`` in arrays of scores."""

    def db_type(self, connection: Any) -> str:
        return "real"

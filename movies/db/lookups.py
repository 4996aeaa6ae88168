"""A lookup that Django lacks."""

from collections.abc import Iterable
from typing import Any

from django.db.models import Field, ForeignKey, Lookup
from django.db.models.expressions import BaseExpression


@ForeignKey.register_lookup
@Field.register_lookup
class AnyOf(Lookup):
    """``id__any_of=ids``: like ``in`` with integers, sent as one array parameter.

    Django's ``in`` sends a placeholder an id; for hundreds of them building and parsing the statement takes longer
    than running it, and no two statements are alike.

    Also ``id__any_of=ArraySubquery(...)``, which PostgreSQL reads once. Of ``in`` a subquery it makes a join, and where
    it takes the tables for empty, as after they were filled in a hurry, that join looks at every pair of their rows.
    """

    lookup_name = "any_of"
    prepare_rhs = False

    def __init__(self, lhs: Any, rhs: Iterable[int] | BaseExpression) -> None:
        super().__init__(lhs, rhs if isinstance(rhs, BaseExpression) else [int(value) for value in rhs])

    def as_sql(self, compiler: Any, connection: Any) -> tuple[str, tuple[Any, ...]]:
        lhs, params = self.process_lhs(compiler, connection)
        if isinstance(self.rhs, BaseExpression):
            rhs, rhs_params = compiler.compile(self.rhs)
            return f"{lhs} = ANY({rhs})", (*params, *rhs_params)
        return f"{lhs} = ANY(%s::bigint[])", (*params, self.rhs)

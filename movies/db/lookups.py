"""The lookup ``any_of``, which Django lacks."""

from collections.abc import Iterable
from typing import Any

from django.db.models import Field, ForeignKey, Lookup
from django.db.models.expressions import BaseExpression


@ForeignKey.register_lookup
@Field.register_lookup
class AnyOf(Lookup):
    """``id__any_of=ids``: like ``in`` with integers, but sent as one array parameter.

    Django's ``in`` sends one placeholder per id. For hundreds of ids, building and parsing such a statement takes
    longer than running it, and each length is another statement.

    ``id__any_of=ArraySubquery(...)`` runs the subquery once. ``in`` with a subquery becomes a join, which compares
    every pair of rows if the statistics are stale, as after a bulk load.
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

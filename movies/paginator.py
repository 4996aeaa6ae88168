"""Counting for lists of tables too large to count."""

from typing import Any

from django.core.paginator import Paginator
from django.db import connection
from django.utils.functional import cached_property

# A filtered list says "at least this many" rather than count on; nobody pages further than this.
MAX_COUNTED = 10_000


class EstimatedCountPaginator(Paginator):
    """Pages without COUNT(*): the whole table by PostgreSQL's own estimate, a filtered list up to MOST_COUNTED."""

    @cached_property
    def count(self) -> int:
        """The number of rows. One query, which never reads more than MOST_COUNTED + 1 rows."""
        queryset: Any = self.object_list
        if not queryset.query.where:
            with connection.cursor() as cursor:
                cursor.execute(
                    "SELECT reltuples::bigint FROM pg_class WHERE oid = %s::regclass", [queryset.model._meta.db_table]
                )
                estimate = int(cursor.fetchone()[0])
            if estimate > MAX_COUNTED:
                return estimate
        return int(queryset.order_by()[: MAX_COUNTED + 1].count())

"""Indexes that find the nearest vectors of one version without looking at all of them (HNSW, pgvector).

Each is of one version: an index over several would have to leave out the others' movies after searching. They are of
half the precision, which ranks the same and takes two thirds of the room; and an ordinary search, which would lose
rows to them, cannot use them by accident, since it sorts by another expression.
"""

import re

import structlog
from django.conf import settings
from django.db import DatabaseError, OperationalError, connection, transaction

from recommendations.models import CONTENT_DIMENSIONS, FACTOR_DIMENSIONS, MovieEmbedding

logger = structlog.get_logger(__name__)

# What the search functions of migration 0005 look for: embedding_factors_7 is of version 7.
_INDEXES = {
    "factors": f"((item_factors::halfvec({FACTOR_DIMENSIONS})) halfvec_ip_ops)",
    "content": f"((content::halfvec({CONTENT_DIMENSIONS})) halfvec_cosine_ops)",
}
_NAME = re.compile(rf"embedding_(?:{'|'.join(_INDEXES)})_(\d+)")
# A graph of 100,000 movies fits in memory while it is built; one that does not takes many times as long.
_BUILD_MEMORY = "256MB"
# Dropping an index waits for every query that reads the table, and all later ones wait for it.
_DROP_PATIENCE = "2s"


def vector_indexes_build(*, version_id: int) -> list[str]:
    """Build the version's indexes that are missing, if it has vectors of VECTOR_INDEX_MIN_MOVIES movies; their names.

    Reads go on meanwhile, writes to vectors wait: a minute or two for 100,000 movies. One that cannot be built, for
    want of room or memory, is logged: searches then look at everything, and the next call tries again.
    """
    if MovieEmbedding.objects.filter(version_id=version_id).count() < settings.VECTOR_INDEX_MIN_MOVIES:
        return []
    existing, built = _existing(), []
    for what, columns in _INDEXES.items():
        name = f"embedding_{what}_{int(version_id)}"
        if name in existing:
            continue
        try:
            with transaction.atomic(), connection.cursor() as cursor:
                cursor.execute(f"SET LOCAL maintenance_work_mem = '{_BUILD_MEMORY}'")
                # Workers of a build share memory that containers are often short of.
                cursor.execute("SET LOCAL max_parallel_maintenance_workers = 0")
                cursor.execute(
                    f"CREATE INDEX IF NOT EXISTS {name} ON recommendations_movieembedding "
                    f"USING hnsw {columns} WHERE version_id = {int(version_id)}"
                )
            built.append(name)
        except DatabaseError as error:
            logger.error("vector_index_not_built", index=name, reason=str(error))
    return built


def vector_indexes_drop(*, version_id: int) -> None:
    """Drop the version's indexes, and those of versions without vectors that an earlier drop had to leave.

    One that is in use for long stays, and is dropped the next time.
    """
    for name, owner in _existing().items():
        if owner != version_id and MovieEmbedding.objects.filter(version_id=owner).exists():
            continue
        try:
            with transaction.atomic(), connection.cursor() as cursor:
                cursor.execute(f"SET LOCAL lock_timeout = '{_DROP_PATIENCE}'")
                cursor.execute(f"DROP INDEX IF EXISTS {name}")
        except OperationalError as error:
            logger.warning("vector_index_not_dropped", index=name, reason=str(error))


def _existing() -> dict[str, int]:
    """The indexes there are, with their versions."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT c.relname FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid "
            "WHERE i.indrelid = 'recommendations_movieembedding'::regclass"
        )
        names = [row[0] for row in cursor.fetchall()]
    return {name: int(match[1]) for name in names if (match := _NAME.fullmatch(name))}

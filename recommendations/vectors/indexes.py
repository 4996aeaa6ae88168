"""HNSW indexes of pgvector, which find the nearest vectors of one version without an exact scan.

Each index covers one version: an index over several would have to drop the other versions' movies after the search.
They hold half-precision vectors, which rank the same and take less space. An ordinary search, which would lose rows to
an index, cannot use one by accident, since it sorts by another expression.
"""

import re

import structlog
from django.conf import settings
from django.db import DatabaseError, OperationalError, connection, transaction

from recommendations.models import CONTENT_DIMENSIONS, MovieEmbedding

logger = structlog.get_logger(__name__)

# The search functions of migrations 0005 and 0009 look for these names: embedding_factors_7 belongs to version 7.
_INDEXES = {
    "factors": "(item_factors halfvec_ip_ops)",
    "content": f"((content::halfvec({CONTENT_DIMENSIONS})) halfvec_cosine_ops)",
}
_NAME = re.compile(rf"embedding_(?:{'|'.join(_INDEXES)})_(\d+)")
# The graph of 100,000 movies fits in it during the build; one that does not fit takes many times as long.
_BUILD_MEMORY = "256MB"
# DROP INDEX waits for every query that reads the table, and blocks all later ones meanwhile.
_DROP_PATIENCE = "2s"


def vector_indexes_build(*, version_id: int) -> list[str]:
    """Build the version's missing indexes if it has at least VECTOR_INDEX_MIN_MOVIES movies; return their names.

    Reads go on meanwhile, writes to vectors wait: a minute or two for 100,000 movies. An index that cannot be built,
    for lack of space or memory, is logged: searches then scan exactly, and the next call tries again.
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
                # Parallel workers need shared memory, which containers are often short of.
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
    """Drop the version's indexes, and those of versions without vectors that an earlier call had to leave.

    An index that stays in use for longer than _DROP_PATIENCE is left to the next call.
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
    """The existing indexes, with their versions."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT c.relname FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid "
            "WHERE i.indrelid = 'recommendations_movieembedding'::regclass"
        )
        names = [row[0] for row in cursor.fetchall()]
    return {name: int(match[1]) for name in names if (match := _NAME.fullmatch(name))}

"""Loads tags into PostgreSQL, in batches."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from itertools import islice

import numpy as np
from django.db import connection

from events.imports.user_ids import UserIdResolver
from movies.movielens.catalogue_lines import TagLine

BATCH = 20_000

_INSERT = """
    INSERT INTO events_tag (user_id, movie_id, text, tagged_at)
    SELECT new.user_id, new.movie_id, new.text, new.tagged_at
    FROM unnest(%s::bigint[], %s::bigint[], %s::text[], %s::timestamptz[]) AS new (user_id, movie_id, text, tagged_at)
    WHERE NOT EXISTS (
        SELECT FROM events_tag old
        WHERE old.user_id = new.user_id AND old.movie_id = new.movie_id
            AND normalize(old.text, NFC) = new.text
    )
    ON CONFLICT DO NOTHING
"""


def tags_load(
    *, tags: Iterable[TagLine], resolver: UserIdResolver, movie_ids: Mapping[int, int]
) -> Iterator[tuple[int, int]]:
    """Stores tags inside the caller's transaction; yields (number of new tags, number of known tags) per batch."""
    stream = iter(tags)
    while batch := list(islice(stream, BATCH)):
        users, _ = resolver.resolve(np.array([tag.user for tag in batch], np.int64))
        with connection.cursor() as cursor:
            cursor.execute(
                _INSERT,
                [
                    users.tolist(),
                    [movie_ids[tag.movie] for tag in batch],
                    [tag.text for tag in batch],
                    [datetime.fromtimestamp(tag.timestamp, UTC) for tag in batch],
                ],
            )
            new = cursor.rowcount
        yield new, len(batch) - new

"""Rows of nightly lists that are brought up to date: whose are due, and replacing them in their version."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta

import numpy as np
from django.db import connection, transaction
from numpy.typing import NDArray

from events.list_invalidation import invalidate_lists_on_commit
from movies.db import binary_copy
from movies.db.advisory_locks import transaction_lock_try
from recommendations.models import BatchRecommendation, ModelVersion
from recommendations.training.list_writing import encode_lists

# Of each statement of a fold, and of its wait for a row that somebody deletes.
STATEMENT_SECONDS = 30
LOCK_SECONDS = 5
# Events get their time before they are committed, so those of the last moments may not be visible yet.
UNSEEN = timedelta(minutes=1)

# People with a list of the version who did something, or took it back, after what the list has read.
_DUE = """
    SELECT active.user_id, count(*) OVER () FROM (
        SELECT user_id, min(moment) AS first, max(moment) AS latest FROM (
            SELECT user_id, received_at AS moment FROM events_interaction WHERE received_at > %(since)s
            UNION ALL
            SELECT user_id, undone_at FROM events_interaction WHERE undone_at > %(since)s
        ) activity GROUP BY user_id
    ) active
    JOIN batch_recommendations own ON own.user_id = active.user_id AND own.version_id = %(version)s
    JOIN accounts_user ON accounts_user.id = active.user_id AND accounts_user.personalisation
    WHERE active.latest > coalesce(own.folded_at, %(since)s)
    ORDER BY coalesce(own.folded_at, %(since)s), active.first, active.user_id
    LIMIT %(limit)s
"""
# People who were deleted since have no row; a taste that was reset has none either, or one of a later training.
_UPDATE = """
    UPDATE batch_recommendations own
    SET movie_ids = staged.movie_ids, scores = staged.scores,
        predicted_ratings = coalesce(staged.predicted_ratings, '{}'), folded_at = %(read_at)s
    FROM staged_folds staged JOIN accounts_user ON accounts_user.id = staged.user_id
    WHERE own.version_id = staged.version_id AND own.user_id = staged.user_id
        AND accounts_user.personalisation
        AND (accounts_user.taste_reset_at < %(read_at)s OR accounts_user.taste_reset_at IS NULL)
    RETURNING own.user_id
"""
_COLUMNS = "version_id, user_id, movie_ids, scores, predicted_ratings"
_TYPES = "version_id int8, user_id int8, movie_ids int4[], scores float4[], predicted_ratings float4[]"


class FoldStoppedError(Exception):
    """The version must not be written now; the message says why."""


def people_due(*, version: ModelVersion, limit: int) -> tuple[list[int], int]:
    """At most ``limit`` people whose list is older than what they did, the oldest lists first; and how many there are.

    One query, over everything received since the version's training began.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        _limit_time()
        cursor.execute(_DUE, {"since": version.started_at, "version": version.pk, "limit": limit})
        rows = cursor.fetchall()
    return [user_id for user_id, _ in rows], rows[0][1] if rows else 0


def database_time() -> datetime:
    """Everything received until this time is committed, in all likelihood, and will be read."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT now()")
        now: datetime = cursor.fetchone()[0]
    return now - UNSEEN


def nightly_ratings(
    *, version: ModelVersion, user_ids: NDArray[np.int64], movie_ids: NDArray[np.int64]
) -> NDArray[np.float32] | None:
    """What the version's rows of these people predict for the movies of their new lists, float32 (people, n).

    NaN for a movie that was not in the row: serving predicts it from the person's newest ratings. None where the
    version predicts no ratings. movie_ids: (people, n), -1 behind a shorter list. One query.
    """
    rows = BatchRecommendation.objects.filter(version=version, user_id__any_of=user_ids.tolist())
    columns = rows.values_list("user_id", "movie_ids", "predicted_ratings")
    found = {user: dict(zip(movies, predicted, strict=False)) for user, movies, predicted in columns}
    if not any(found.values()):
        return None
    ratings = [
        [found.get(user, {}).get(movie, np.nan) for movie in movies]
        for user, movies in zip(user_ids.tolist(), movie_ids.tolist(), strict=True)
    ]
    return np.array(ratings, np.float32).reshape(movie_ids.shape)


def rows_update(
    *,
    version: ModelVersion,
    user_ids: NDArray[np.int64],
    lists: tuple[NDArray[np.int64], NDArray[np.float32], NDArray[np.float32] | None],
    read_at: datetime,
    unchanged: Collection[int] = (),
) -> int:
    """Replace the version's rows of people, and return how many there were. Invalidates their cached lists.

    lists: movie ids, scores and predicted ratings, each (people, n). read_at: what people did until then is in the
    lists. unchanged: people for whom there is nothing to write; their rows stay, and are not due again. One short
    transaction under the lock of publishing, so that a version that was replaced meanwhile is left alone. Raises
    FoldStoppedError.
    """
    movies, scores, ratings = lists
    with transaction.atomic():
        if not transaction_lock_try("publishing"):
            raise FoldStoppedError("a version is being published")
        if not ModelVersion.objects.live().filter(pk=version.pk).exists():
            raise FoldStoppedError(f"version {version.pk} is no longer live")
        _limit_time()
        with binary_copy.staging_table("staged_folds", _TYPES), connection.cursor() as cursor:
            blocks = encode_lists(version.pk, user_ids, movies, scores, ratings)
            binary_copy.copy_in("staged_folds", _COLUMNS, blocks)
            cursor.execute(_UPDATE, {"read_at": read_at})
            written = [user_id for (user_id,) in cursor.fetchall()]
        if unchanged:
            rows = BatchRecommendation.objects.filter(version=version, user_id__any_of=unchanged)
            rows.update(folded_at=read_at)
        invalidate_lists_on_commit(written)
    return len(written)


def _limit_time() -> None:
    """Bounds the statements of the current transaction."""
    with connection.cursor() as cursor:
        cursor.execute(f"SET LOCAL statement_timeout = '{STATEMENT_SECONDS}s'")
        cursor.execute(f"SET LOCAL lock_timeout = '{LOCK_SECONDS}s'")

"""What a merge of movies does with events and ratings, and how it is undone.

Of a person's ratings of both movies the newer counts. Those of the duplicate, and what they replaced, are stored, so
that undoing brings both back; what the person rated after the merge stays with the target.
"""

from django.db import connection

from events.kinds import Kind
from events.new_events import BEFORE
from movies.merging.references import MovieArray, MovieReference

_STORE = """
    INSERT INTO events_mergedrating
        (merge_id, user_id, duplicate_value, duplicate_rated_at, target_value, target_rated_at)
    SELECT %(merge)s, duplicate.user_id, duplicate.value, duplicate.rated_at, target.value, target.rated_at
    FROM events_rating duplicate LEFT JOIN events_rating target
        ON target.movie_id = %(target)s AND target.user_id = duplicate.user_id
    WHERE duplicate.movie_id = %(duplicate)s ORDER BY duplicate.user_id
"""
_REPLACE = """
    UPDATE events_rating target SET value = kept.duplicate_value, rated_at = kept.duplicate_rated_at
    FROM events_mergedrating kept
    WHERE kept.merge_id = %(merge)s AND target.movie_id = %(target)s AND target.user_id = kept.user_id
        AND kept.target_rated_at IS NOT NULL AND kept.duplicate_rated_at > target.rated_at
"""
_DROP = """
    DELETE FROM events_rating duplicate USING events_mergedrating kept
    WHERE kept.merge_id = %(merge)s AND duplicate.movie_id = %(duplicate)s AND duplicate.user_id = kept.user_id
        AND kept.target_rated_at IS NOT NULL
"""
_MOVE = "UPDATE events_rating SET movie_id = %(target)s WHERE movie_id = %(duplicate)s"
# The target's rating is as the merge left it.
_UNCHANGED = """
    kept.merge_id = %(merge)s AND target.movie_id = %(target)s AND target.user_id = kept.user_id
    AND (target.value, target.rated_at) = (
        CASE WHEN kept.target_rated_at >= kept.duplicate_rated_at THEN kept.target_value ELSE kept.duplicate_value END,
        CASE WHEN kept.target_rated_at >= kept.duplicate_rated_at
            THEN kept.target_rated_at ELSE kept.duplicate_rated_at END
    )
"""
_MOVE_BACK = f"""
    UPDATE events_rating target SET movie_id = %(duplicate)s FROM events_mergedrating kept
    WHERE {_UNCHANGED} AND kept.target_rated_at IS NULL
"""  # noqa: S608 -- no input in it.
# Where the person has taken the rating back since, neither comes back.
_RESTORE_DUPLICATE = """
    INSERT INTO events_rating (user_id, movie_id, value, rated_at)
    SELECT kept.user_id, %(duplicate)s, kept.duplicate_value, kept.duplicate_rated_at
    FROM events_mergedrating kept JOIN events_rating target
        ON target.movie_id = %(target)s AND target.user_id = kept.user_id
    WHERE kept.merge_id = %(merge)s ORDER BY kept.user_id
"""
_RESTORE_TARGET = f"""
    UPDATE events_rating target SET value = kept.target_value, rated_at = kept.target_rated_at
    FROM events_mergedrating kept WHERE {_UNCHANGED} AND kept.target_rated_at IS NOT NULL
"""  # noqa: S608 -- no input in it.
# The event of a rating that came without one, stored when the person rated the target after the merge.
_MOVE_BEFORE_BACK = f"""
    UPDATE events_interaction event SET movie_id = %(duplicate)s FROM events_mergedrating kept
    WHERE kept.merge_id = %(merge)s AND event.movie_id = %(target)s AND event.user_id = kept.user_id
        AND event.kind = '{Kind.RATING.value}' AND event.source = '{BEFORE}'
        AND (event.value, event.occurred_at) = (kept.duplicate_value, kept.duplicate_rated_at)
"""  # noqa: S608 -- no input in it.
_FORGET = "DELETE FROM events_mergedrating WHERE merge_id = %(merge)s"


class RatingsPart:
    """Moves ratings; see movies.merging.references.Part."""

    def move(self, *, merge_id: int, duplicate_id: int, target_id: int) -> int:
        """Five statements. Locks the people first, as whatever else writes their rows."""
        values = {"merge": merge_id, "duplicate": duplicate_id, "target": target_id}
        with connection.cursor() as cursor:
            cursor.execute(_STORE, values)
            stored = cursor.rowcount
            for statement in (_REPLACE, _DROP, _MOVE):
                cursor.execute(statement, values)
        return stored

    def undo(self, *, merge_id: int, duplicate_id: int, target_id: int) -> int:
        """Five statements."""
        values = {"merge": merge_id, "duplicate": duplicate_id, "target": target_id}
        with connection.cursor() as cursor:
            cursor.execute(_MOVE_BACK, values)
            back = cursor.rowcount
            cursor.execute(_RESTORE_DUPLICATE, values)
            back += cursor.rowcount
            for statement in (_RESTORE_TARGET, _MOVE_BEFORE_BACK, _FORGET):
                cursor.execute(statement, values)
        return back


MOVIE_REFERENCES = (
    MovieReference(table="events_rating", label="ratings", part=RatingsPart()),
    MovieReference(table="events_interaction", label="events"),
    MovieReference(
        table="events_tag", label="tags", unique=("user_id", "text"), why="The person gave the target the same tag."
    ),
    MovieArray(table="events_tasteimportfilm", column="candidates", replaced=True),
    MovieArray(
        table="events_servedrecommendation",
        column="movie_ids",
        why="The log says what was shown. Attribution takes an event of a movie for one of its duplicates, too.",
    ),
    MovieArray(
        table="events_servedrecommendation",
        column="explored",
        why="The log says what was shown; nothing else reads it.",
    ),
)

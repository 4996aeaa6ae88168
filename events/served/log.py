"""Logs served lists: into the stream in Redis, or straight into PostgreSQL while Redis is away."""

from collections.abc import Sequence

import structlog
from django.db import IntegrityError, connection
from django.utils import timezone
from psycopg.errors import CheckViolation, ForeignKeyViolation
from redis.exceptions import RedisError

from accounts.models import User
from events.served.entries import REQUEST_ID_LENGTH, ServedList, Shown
from events.served.partitions import partitions_ensure
from events.served.stream import deleted_key, is_on, known_lists_key, queue_list, queue_shown, redis_client

logger = structlog.get_logger(__name__)

# If PostgreSQL's machine fails, the log of the last second may be missing: the commit does not wait for the disk.
_ASYNC = "WITH async_commit AS MATERIALIZED (SELECT set_config('synchronous_commit', 'off', true))"
_LIST = """
    INSERT INTO events_servedrecommendation
        (id, user_id, client_id, endpoint, model_version_id, experiment, arm, movie_ids, scores, sources, explored,
        request_id, served_at)
    SELECT %s, %s, %s, %s, %s::bigint, %s, %s, %s::bigint[], %s::real[], %s::smallint[], %s::bigint[], %s, %s
    FROM async_commit
    ON CONFLICT DO NOTHING
"""
_SHOWN = """
    INSERT INTO events_listimpression (recommendation_id, user_id, start, count, request_id, stream_id, shown_at)
    SELECT %s, %s::bigint, %s, %s, %s, %s, %s FROM async_commit
    ON CONFLICT DO NOTHING
"""
_LIST_AND_SHOWN = f"{_ASYNC}, list AS ({_LIST}) {_SHOWN}"
_SHOWN_ALONE = f"{_ASYNC} {_SHOWN}"


def served_append(entry: ServedList | Shown, *more: ServedList | Shown) -> None:
    """Logs lists that were computed, with their first pages, or pages of a list from the cache. One round trip.

    While Redis is away it writes into PostgreSQL, one statement for each. Does nothing if SERVED_LOG is off. Raises
    User.DoesNotExist if the person was deleted meanwhile; then nothing stays.
    """
    if not is_on():
        return
    user_id = entry.user_id
    try:
        with redis_client().pipeline(transaction=False) as pipe:
            for one in (entry, *more):
                queue_list(pipe, one) if isinstance(one, ServedList) else queue_shown(pipe, one)
            if user_id is not None:
                # Last: a deletion sets this mark before it removes what is known of the person's lists.
                pipe.exists(deleted_key(user_id))
            answers = pipe.execute()
        if user_id is not None and answers[-1]:
            redis_client().delete(known_lists_key(user_id))
            raise User.DoesNotExist
    except (RedisError, OSError) as error:
        logger.warning("served_log_away", reason=type(error).__name__)
        served_write(entry, *more)


def served_write(*entries: ServedList | Shown) -> None:
    """Writes lists and pages straight into PostgreSQL, one statement for each; a list that is there stays as it is.

    Raises User.DoesNotExist if the person was deleted meanwhile.
    """
    for entry in entries if is_on() else ():
        try:
            _write(entry)
        except IntegrityError as error:
            if isinstance(error.__cause__, CheckViolation):  # The month has no partition yet.
                partitions_ensure([entry.served_at if isinstance(entry, ServedList) else timezone.now()])
                _write(entry)
            elif isinstance(error.__cause__, ForeignKeyViolation):  # The log refers to nothing else.
                raise User.DoesNotExist from error
            else:
                raise


def _write(entry: ServedList | Shown) -> None:
    with connection.prepared_cursor() as cursor:  # type: ignore[attr-defined]
        if isinstance(entry, Shown):
            cursor.execute(_SHOWN_ALONE, _shown_row(entry))
        elif entry.count:
            cursor.execute(_LIST_AND_SHOWN, [*list_row(entry), *_shown_row(entry.first_page())])
        else:
            cursor.execute(f"{_ASYNC} {_LIST}", list_row(entry))


def list_row(served: ServedList) -> list[object]:
    """The values of a list, in the order of the table's columns."""
    return [
        served.id,
        served.user_id,
        served.client_id,
        served.endpoint,
        served.model_version_id,
        served.experiment,
        served.arm,
        _array(served.movie_ids),
        _array(served.scores),
        _array(served.sources),
        _array(served.explored),
        served.request_id[:REQUEST_ID_LENGTH],
        served.served_at,
    ]


def _shown_row(shown: Shown) -> list[object]:
    row = [shown.recommendation_id, shown.user_id, shown.start, shown.count, shown.request_id[:REQUEST_ID_LENGTH]]
    return [*row, shown.stream_id, shown.shown_at or timezone.now()]


def _array(numbers: Sequence[float]) -> str:
    """An array literal of PostgreSQL: as text, several times as fast to build as the driver's array."""
    return "{" + ",".join(map(str, numbers)) + "}"

"""Lists that have to be computed: in a thread, for callers whom the lane knows, without Django's handling of a request.

The lane's script has taken the caller's token of the bucket and, for one of the requests that miss together, the lock.
A person whose access Redis does not know is read from the database; then the script is asked again. Whatever is
unusual is left to Django: a person who may not ask, a paused one, an error.
"""

import time
from dataclasses import dataclass
from typing import Any, NamedTuple

import structlog
from django.db import close_old_connections
from django_redis import get_redis_connection
from redis.exceptions import RedisError

from accounts.models import User
from accounts.selectors import user_read
from recommendations.serving.list_cache import Lookup
from recommendations.serving.services import first_page_list
from recsys_project.exceptions import UNAVAILABLE
from recsys_project.fast_path.access import queue_remember
from recsys_project.fast_path.callers import Caller
from recsys_project.fast_path.lists import ListJob, Page, log_members, page_of
from recsys_project.fast_path.routes import ACCESS_UNKNOWN, ANSWER, NO_LIST
from recsys_project.token_bucket import give_back_tokens

logger = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Computed:
    """The script's last reply, and the page of the computed list; None if the script has found a list.

    log: members of the log line of this answer, as JSON; the page's are those of later ones.
    """

    reply: list[Any]
    page: Page | None = None
    log: str = ""


class _NoList(NamedTuple):
    """The script's reply if it found no list. fill: microseconds until the bucket is full."""

    outcome: int
    fill: int
    tokens: bytes
    acquired: int


def is_miss(job: ListJob, reply: Any) -> bool:
    """Whether ``compute`` can find the answer that the script did not find."""
    if not isinstance(reply, list):
        return False
    return reply[0] == NO_LIST or (reply[0] == ACCESS_UNKNOWN and job.caller.version is not None)


def compute(job: ListJob, reply: list[Any]) -> Computed | None:
    """The answer to a miss; None to leave the request to Django, uncounted. Blocks."""
    structlog.contextvars.bind_contextvars(request_id=job.request_id, method="GET", route="api/recommendations/")
    close_old_connections()
    try:
        if reply[0] == ACCESS_UNKNOWN:
            read_at = time.time()
            if not _has_access(job.caller):
                return None
            reply = _ask_again(job, read_at)
            if reply[0] == ANSWER:
                return Computed(reply)
            if reply[0] != NO_LIST:
                return None
        return _compute(job, _NoList(*reply))
    except (RedisError, OSError, User.DoesNotExist, *UNAVAILABLE) as error:
        logger.info("list_left_to_django", reason=type(error).__name__)
    except Exception:
        logger.exception("fast_path_failed")
    finally:
        close_old_connections()
        structlog.contextvars.clear_contextvars()
    return None


def _compute(job: ListJob, reply: _NoList) -> Computed:
    caller = job.caller
    lookup = Lookup(
        tokens=reply.tokens,
        lock_token=job.lock_token if reply.acquired else None,
        catalogue_token=reply.tokens.partition(b" ")[2],
        placement=job.placement,
    )
    user = User(pk=caller.user_id, client_id=caller.client_id)
    try:
        rendered, state = first_page_list(user=user, limit=job.limit, request_id=job.request_id, lookup=lookup)
        return Computed(list(reply), page_of(job, rendered, user), log_members(job, rendered, state))
    except BaseException:
        if caller.bucket is not None:
            give_back_tokens([caller.bucket])  # Django counts the request.
        raise


def _has_access(caller: Caller) -> bool:
    """Whether the database says what the caller's entries would: see authentication and callers.person_entries."""
    user, signed_in = user_read(user_id=caller.user_id, family=caller.family)
    may_ask = user.is_active and user.personalisation and user.client_id is None
    return may_ask and user.token_version == caller.version and (caller.family is None or signed_in)


def _ask_again(job: ListJob, read_at: float) -> list[Any]:
    """The script's reply once the caller's access is in Redis. One round trip. Raises RedisError."""
    with get_redis_connection("default").pipeline(transaction=False) as pipe:
        queue_remember(pipe, job.caller.entries, read_at=read_at)
        pipe.execute_command(*job.command)
        reply: list[Any] = pipe.execute()[1]
    return reply

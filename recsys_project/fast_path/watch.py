"""The thread that keeps a process's lane up to date, so that the main loop asks neither PostgreSQL nor the clock.

Several times a second it reads the catalogue's token, the database's state, and whose access has changed, which it
blocks in Redis again in case the change could not. If any of it fails, the lane stops until it succeeds: what the lane
answers is never older than database_state.CACHE_SECONDS.
"""

import secrets
import threading
from collections.abc import Callable
from typing import Any

import structlog
from django.db import connection
from django_redis import get_redis_connection
from redis.exceptions import RedisError

from movies.caching.version_tokens import CATALOGUE, GET_OR_SET, TOKEN_SECONDS, token_key
from recommendations.curation.active import HOME_BY_SETTINGS, Placement, active_curation, placer
from recommendations.curation.config import HOME
from recommendations.retrieval.database_state import DatabaseState, state_read
from recsys_project.fast_path.access import ENTRY_SECONDS, block
from recsys_project.fast_path.callers import Callers
from recsys_project.fast_path.lane import SCRIPTS, Lane
from recsys_project.fast_path.own_connection import use_own_connection
from recsys_project.fast_path.redis_link import RedisLink
from recsys_project.fast_path.routes import Known

logger = structlog.get_logger(__name__)

POLL_SECONDS = 0.3
# Changes that were committed since the last poll: those of transactions that had not ended then. The first poll reads
# all that an entry may be older than.
_CHANGES = """
    SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint,
        ARRAY(SELECT ARRAY[id::text, subject] FROM accounts_accesschange WHERE xact >= %s)
"""
_FIRST_CHANGES = """
    SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint,
        ARRAY(SELECT ARRAY[id::text, subject] FROM accounts_accesschange
            WHERE created_at > clock_timestamp() - make_interval(secs => %s))
"""
_running: Lane | None = None


def running_lane() -> Lane | None:
    """The lane of this process; None in processes that serve nothing."""
    return _running


class Watch(threading.Thread):
    """deliver: runs a function in the main loop."""

    def __init__(self, lane: Lane, deliver: Callable[[Callable[[], None]], None], linked: Callable[[], None]) -> None:
        super().__init__(name="fast-path", daemon=True)
        self._lane, self._deliver, self._linked = lane, deliver, linked
        self._ending = threading.Event()
        self._xmin: int | None = None
        self._seen: set[str] = set()
        self._database = ""
        self._well = True

    def run(self) -> None:
        global _running  # noqa: PLW0603 -- one a process.
        _running = self._lane
        use_own_connection()
        while not self._ending.is_set():
            self._poll_safely()
            self._ending.wait(POLL_SECONDS)
        connection.close()

    def end(self) -> None:
        """Makes the thread end soon."""
        self._ending.set()

    def _poll_safely(self) -> None:
        try:
            connection.close_if_unusable_or_obsolete()
            self._poll()
        except Exception as error:
            self._lane.known = None
            if self._well:
                logger.warning("fast_path_off", reason=type(error).__name__)
            self._well = False
            return
        if not self._well:
            logger.info("fast_path_on_again")
        self._well = True

    def _poll(self) -> None:
        redis: Any = get_redis_connection("default")
        key = token_key(CATALOGUE)
        token = redis.get(key) or redis.eval(GET_OR_SET, 1, key, secrets.token_hex(8), TOKEN_SECONDS)
        state = state_read(token)
        # When PostgreSQL's tables were made and it was started: its numbers of transactions are of that time.
        database = b":".join(state.text.split(b":")[-2:]).decode()
        if database != self._database:
            self._database, self._xmin, self._seen = database, None, set()
        self._block_changes()
        if self._lane.link is None:
            self._connect()
        else:
            self._adopt(self._lane.link)
        self._lane.known = Known(state, placer(state), _places(state))

    def _block_changes(self) -> None:
        """Blocks whose access has changed since the last poll. Raises RedisError or OSError; then the next one does."""
        with connection.cursor() as cursor:
            if self._xmin is None:
                cursor.execute(_FIRST_CHANGES, [ENTRY_SECONDS + 60])
            else:
                cursor.execute(_CHANGES, [self._xmin])
            xmin, rows = cursor.fetchone()
        # A transaction that takes long holds back xmin, and the same changes are read again.
        new = {subject for number, subject in rows if number not in self._seen}
        if new:
            block(new)
        self._xmin, self._seen = xmin, {number for number, _ in rows}

    def _connect(self) -> None:
        """Opens the lane's connection, by which it also notices a Redis that was restarted; see redis_pool."""
        pool = get_redis_connection("default").connection_pool
        pool.breaker.check()
        opened = pool.make_connection()
        opened.connect()
        for command in (("INFO", "server"), *(("SCRIPT", "LOAD", script) for script in SCRIPTS)):
            opened.send_command(*command)
            answer = opened.read_response()
            if command[0] == "INFO":
                run_id = _run_id(answer)
        if not run_id:
            raise RedisError("Redis does not say which start this is.")
        link = RedisLink(opened, run_id)
        self._adopt(link)
        self._deliver(lambda: self._take(link, lambda slow: pool.breaker.failed() if slow else None))

    def _take(self, link: RedisLink, on_lost: Callable[[bool], None]) -> None:
        """In the main loop: gives the lane its connection, unless it took an earlier one meanwhile."""
        if self._lane.link is not None:
            link.close()
            return
        self._lane.link, self._lane.on_lost = link, on_lost
        self._linked()

    def _adopt(self, link: RedisLink) -> None:
        """Forgets all callers whenever Redis or PostgreSQL is another one."""
        stamp = f"{link.run_id}:{self._database}"
        if self._lane.callers is None or self._lane.callers.stamp != stamp:
            self._lane.callers = Callers(stamp)


def _places(state: DatabaseState) -> int:
    """How many movies a request without a limit gets."""
    return Placement(scenario=active_curation(state).scenario(HOME) or HOME_BY_SETTINGS).places


def _run_id(info: bytes | str | dict[str, Any]) -> str:
    """The run id in the reply of INFO."""
    if isinstance(info, dict):
        return str(info.get("run_id", ""))
    text = info if isinstance(info, str) else info.decode()
    return next((line.partition(":")[2] for line in text.splitlines() if line.startswith("run_id:")), "")

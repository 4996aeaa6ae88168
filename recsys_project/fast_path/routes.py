"""What a route of the lane is: it names what to ask Redis for a request, and makes the answer from the reply."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from recommendations.curation.active import DEFAULT_PLACES, Placement
from recommendations.retrieval.database_state import DatabaseState
from recsys_project.fast_path.callers import Caller, Callers
from recsys_project.fast_path.heads import Head

# What a route's script found, the first element of its reply. ANSWER is answered here; of a list, a thread may have the
# answer to ACCESS_UNKNOWN and NO_LIST (misses).
OUTCOMES = ("answered", "access_unknown", "other_state", "no_list", "over_limit")
ANSWER, ACCESS_UNKNOWN, NO_LIST = 0, 1, 3


class Known(NamedTuple):
    """What the watch has read: the database's state, and the scenario and arm of a person's list in a region under
    it."""

    state: DatabaseState
    assign: Callable[[int, str], Placement]
    # How many movies a request without a limit gets.
    places: int = DEFAULT_PLACES


class Asked(NamedTuple):
    """A plain request. network: the client's, as rate limits count it; None if it cannot be known here."""

    head: Head
    request_id: str
    network: str | None


class Job(Protocol):
    """A request on its way: who sends it, and the command for Redis."""

    caller: Caller
    command: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Found:
    """The answer's body and entity tag; ``fill`` in microseconds; log: members of the log line, as JSON."""

    body: bytes
    log: str
    fill: int
    etag: str = ""
    not_modified: bool = False


class Route(Protocol):
    """A route; ``route`` and ``view`` as in logs and metrics, ``headers`` those that its view sets.

    job: what to ask Redis for a request, or in a word why Django has to answer it. found: the answer by the reply, of
    which ``routes.outcome`` says what it is; None to leave it to Django.
    """

    route: str
    view: str
    headers: dict[str, str]

    def job(self, asked: Asked, callers: Callers, known: Known) -> Any: ...

    def found(self, job: Any, reply: Any) -> Found | None: ...


def outcome(reply: Any) -> str:
    """What the script found, in a word."""
    return OUTCOMES[reply[0]] if isinstance(reply, list) else "redis_error"


def rate_of(caller: Caller) -> tuple[int, int]:
    """The microseconds in which a token of the caller's bucket refills, and the burst; 0 without a limit."""
    return (0, 0) if caller.bucket is None else (caller.bucket.rate.interval, caller.bucket.rate.burst)

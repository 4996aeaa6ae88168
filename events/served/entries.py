"""What the log of served lists records, and its form in the stream."""

from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import orjson

from events.served.list_ids import at_milliseconds, time_of

# The source of a movie in ServedRecommendation.sources: the one with the largest share of its score.
SOURCE_CODES = {"batch": 0, "realtime": 1, "popular": 2, "new": 3, "pinned": 4, "mood": 5, "row": 6}
REQUEST_ID_LENGTH = 128
_ENDPOINT_LENGTH, _NAME_LENGTH = 40, 60
_MAX_ID = 2**63 - 1
_MAX_PLACE = 2**15 - 1


class EntryError(ValueError):
    """An entry of the stream is not one that this release can read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServedList:
    """A list that was computed, best first, with its first page: ``count`` places from ``start`` (0) on.

    id: of version 7 (list_id_new); user_id: None for a guest; scores and sources: one for each movie; sources:
    SOURCE_CODES; explored: ids of the movies that have a place for new movies.
    """

    id: UUID
    user_id: int | None
    endpoint: str
    model_version_id: int | None
    movie_ids: Sequence[int]
    scores: Sequence[float]
    count: int
    sources: Sequence[int] = ()
    explored: Sequence[int] = ()
    client_id: int | None = None
    experiment: str = ""
    arm: str = ""
    request_id: str = ""
    start: int = 0

    @property
    def served_at(self) -> datetime:
        """The time in the id. Raises ValueError for an id of another kind."""
        served_at = time_of(self.id)
        if served_at is None:
            raise ValueError(f"Not an id of a served list: {self.id}")
        return served_at

    def first_page(self) -> "Shown":
        """The first page. Its stream_id is the list's id, so that it is written once, whoever writes it."""
        return Shown(
            recommendation_id=self.id,
            user_id=self.user_id,
            start=self.start,
            count=self.count,
            request_id=self.request_id,
            shown_at=self.served_at,
            stream_id=str(self.id),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A page that was shown: ``count`` places from ``start`` on. shown_at and stream_id are set when it is written."""

    recommendation_id: UUID
    user_id: int | None
    start: int
    count: int
    request_id: str = ""
    shown_at: datetime | None = None
    stream_id: str = ""


def list_fields(served: ServedList) -> dict[str, bytes]:
    """The fields of a list's entry: numbers packed in the machine's order, the rest as JSON."""
    rest = [
        str(served.id),
        served.user_id,
        served.client_id,
        served.endpoint,
        served.model_version_id,
        served.experiment,
        served.arm,
        served.request_id[:REQUEST_ID_LENGTH],
        served.start,
        served.count,
    ]
    return {
        "list": orjson.dumps(rest),
        "movies": array("q", served.movie_ids).tobytes(),
        "scores": array("f", served.scores).tobytes(),
        "sources": array("b", served.sources).tobytes(),
        "explored": array("q", served.explored).tobytes(),
    }


def shown_fields(shown: Shown) -> dict[str, str | int]:
    """The fields of a page's entry, as the script of a look-up writes them (stream.SHOWN_LUA)."""
    return {
        "id": str(shown.recommendation_id),
        "user": shown.user_id or "",
        "start": shown.start,
        "count": shown.count,
        "request": shown.request_id[:REQUEST_ID_LENGTH],
    }


def read_entry(stream_id: bytes, fields: Mapping[bytes, bytes]) -> ServedList | Shown:
    """The list or page of an entry. Raises EntryError."""
    try:
        return _read_list(fields) if b"list" in fields else _read_shown(stream_id, fields)
    except (ValueError, KeyError, TypeError) as error:
        raise EntryError(f"{type(error).__name__}: {error}") from error


def _read_list(fields: Mapping[bytes, bytes]) -> ServedList:
    list_id, user_id, client_id, endpoint, version_id, experiment, arm, request_id, start, count = orjson.loads(
        fields[b"list"]
    )
    served = ServedList(
        id=UUID(_text(list_id, 36)),
        user_id=_id(user_id),
        client_id=_id(client_id),
        endpoint=_text(endpoint, _ENDPOINT_LENGTH),
        model_version_id=_id(version_id),
        experiment=_text(experiment, _NAME_LENGTH),
        arm=_text(arm, _NAME_LENGTH),
        request_id=_text(request_id, REQUEST_ID_LENGTH),
        start=_place(start),
        count=_place(count),
        movie_ids=array("q", fields[b"movies"]),
        scores=array("f", fields[b"scores"]),
        sources=array("b", fields[b"sources"]),
        explored=array("q", fields[b"explored"]),
    )
    places = len(served.movie_ids)
    if len(served.scores) != places or len(served.sources) not in (0, places) or served.start + served.count > places:
        raise ValueError("The numbers of movies, scores, sources and places differ.")
    _ = served.served_at
    return served


def _read_shown(stream_id: bytes, fields: Mapping[bytes, bytes]) -> Shown:
    shown_at = at_milliseconds(int(stream_id.partition(b"-")[0]))
    if shown_at is None:
        raise ValueError("The id of the entry has no time.")
    start, count = _place(int(fields[b"start"])), _place(int(fields[b"count"]))
    _place(start + count)
    return Shown(
        recommendation_id=UUID(fields[b"id"].decode()),
        user_id=_id(int(fields[b"user"])) if fields[b"user"] else None,
        start=start,
        count=count,
        request_id=_text(fields[b"request"].decode(), REQUEST_ID_LENGTH),
        shown_at=shown_at,
        stream_id=stream_id.decode(),
    )


def _id(value: object) -> int | None:
    """An id of the database, or None. Raises ValueError."""
    if value is None:
        return None
    if type(value) is not int or not 1 <= value <= _MAX_ID:
        raise ValueError("Not an id.")
    return value


def _place(value: object) -> int:
    """A place or a number of places. Raises ValueError."""
    if type(value) is not int or not 0 <= value <= _MAX_PLACE:
        raise ValueError("Not a place.")
    return value


def _text(value: object, length: int) -> str:
    """A text that its column takes. Raises ValueError."""
    if not isinstance(value, str) or len(value) > length or "\0" in value:
        raise ValueError("Not a text of its column.")
    return value

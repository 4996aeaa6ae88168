"""Many events in one request: each is stored or refused by itself, and has a result of its own."""

import uuid
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from django.core.exceptions import ValidationError as FieldError
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.settings import api_settings

from accounts.api.client_users import acting_users
from accounts.models import User
from events.api.plain_events import plain_event
from events.api.serializers import EventWriteSerializer
from events.ingest import events_ingest, keyed_event_id
from events.new_events import EventResult, NewEvent, Outcome

# As many as an error of a whole request names.
MAX_DETAILED = 20
_STATUS = {
    Outcome.CREATED: HTTPStatus.CREATED,
    Outcome.REPEATED: HTTPStatus.OK,
    Outcome.INVALID: HTTPStatus.BAD_REQUEST,
    Outcome.CONFLICT: HTTPStatus.CONFLICT,
    Outcome.PAUSED: HTTPStatus.CONFLICT,
    Outcome.GONE: HTTPStatus.CONFLICT,
}
_ERRORS = {
    Outcome.CONFLICT: ("conflict", "This event_id is already stored with other content."),
    Outcome.PAUSED: ("personalisation_paused", "Nothing is recorded until this person ends the pause."),
    Outcome.GONE: ("conflict", "This person was deleted meanwhile."),
}


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why an event was refused before it came to the service."""

    status: HTTPStatus
    code: str
    message: str
    fields: Mapping[str, list[str]]


def batch_record(request: Request, items: Sequence[Any], user: str | None, key: str | None) -> dict[str, Any]:
    """Records the events and returns the body of the answer. ``user``: whose they are by default; ``key``: of the
    request, from which the ids of events without one follow."""
    valid, refused = _validated(items)
    names = {place: fields.pop("user", user) for place, fields in valid.items()}
    users, problems = acting_users(request, names.values())
    events: dict[int, NewEvent] = {}
    for place, fields in valid.items():
        person = users.get(names[place])
        if person is None:
            refused[place] = _of_user(problems[names[place]])
        else:
            events[place] = _new_event(fields, person, key, place)
    results = events_ingest(events=list(events.values()), users={person.pk: person for person in users.values()})
    return _body(len(items), dict(zip(events, results, strict=True)), refused)


def batch_status(body: Mapping[str, Any]) -> HTTPStatus:
    """201 if all are new, 200 if all were stored before, else 207."""
    found = {result["status"] for result in body["results"]}
    return HTTPStatus(found.pop()) if found in ({HTTPStatus.CREATED}, {HTTPStatus.OK}) else HTTPStatus.MULTI_STATUS


def _validated(items: Iterable[Any]) -> tuple[dict[int, dict[str, Any]], dict[int, Refusal]]:
    """The fields of each valid event, and the refusals of the others, by position."""
    one = EventWriteSerializer()
    valid, refused = {}, {}
    for place, item in enumerate(items):
        if (fields := plain_event(item)) is not None:
            valid[place] = fields
            continue
        try:
            valid[place] = dict(one.run_validation(item))
        except serializers.ValidationError as error:
            detail: Any = error.detail
            if isinstance(detail, list):  # Of null.
                detail = {api_settings.NON_FIELD_ERRORS_KEY: detail}
            refused[place] = _invalid({str(name): [str(text) for text in texts] for name, texts in detail.items()})
    return valid, refused


def _new_event(fields: dict[str, Any], person: User, key: str | None, place: int) -> NewEvent:
    if key is not None and "event_id" not in fields:
        fields["event_id"] = keyed_event_id(user_id=person.pk, key=key, position=place)
    return NewEvent(user_id=person.pk, movie_id=fields.pop("movie"), **fields)


def _of_user(problem: Exception) -> Refusal:
    if isinstance(problem, FieldError):
        return _invalid(problem.message_dict)
    return Refusal(HTTPStatus.FORBIDDEN, "permission_denied", str(problem), {})


def _invalid(fields: Mapping[str, list[str]]) -> Refusal:
    return Refusal(HTTPStatus.BAD_REQUEST, "validation_error", f"Not valid: {', '.join(sorted(fields))}.", fields)


def _body(count: int, results: Mapping[int, EventResult], refused: Mapping[int, Refusal]) -> dict[str, Any]:
    shown, detailed = [], 0
    for place in range(count):
        result = results.get(place)
        if result is None:
            refusal: Refusal | None = refused[place]
            status, event_id = refused[place].status, None
        else:
            status, event_id = _STATUS[result.outcome], result.event.event_id if result.event else None
            refusal = _refusal(result)
        error = None
        if refusal is not None:
            fields = dict(refusal.fields) if detailed < MAX_DETAILED else {}
            error = {"code": refusal.code, "message": refusal.message, "fields": fields}
            detailed += 1
        shown.append({"status": int(status), "event_id": _text(event_id), "error": error})
    counts = Counter(result["status"] for result in shown)
    stored, repeated = counts[HTTPStatus.CREATED], counts[HTTPStatus.OK]
    return {"results": shown, "stored": stored, "repeated": repeated, "refused": count - stored - repeated}


def _refusal(result: EventResult) -> Refusal | None:
    if result.outcome is Outcome.INVALID:
        return _invalid({name: [message] for name, message in result.errors.items()})
    if result.outcome not in _ERRORS:
        return None
    return Refusal(_STATUS[result.outcome], *_ERRORS[result.outcome], {})


def _text(event_id: uuid.UUID | None) -> str | None:
    return None if event_id is None else str(event_id)

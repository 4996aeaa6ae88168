"""Pages of a rendered list, and the signed cursor to the next page, valid for one person and one set of filters."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from uuid import UUID

import orjson
from django.core import signing
from django.core.exceptions import ValidationError

from accounts.models import User
from events.selectors import seen_movie_ids
from movies.selectors import items_expanded, movie_cards
from recommendations.curation.active import never_listed_in
from recommendations.curation.config import HOME
from recommendations.retrieval.filters import ListFilters
from recommendations.serving import list_cache
from recommendations.serving.rendering import RenderedList
from recommendations.serving.served_lists import log_positions

_SALT = "recommendations.cursor"
_CURSOR_ERRORS = {
    "expired": "This list is no longer kept: ask again without a cursor.",
    "foreign": "This cursor belongs to another list or person.",
    "broken": "This is not a cursor that was given here.",
}


@dataclass(frozen=True)
class Cursor:
    """A position in a list: the next item has index ``offset`` (from 0)."""

    recommendation_id: UUID
    offset: int

    def text(self, user_id: int, fingerprint: str) -> str:
        """The signed text for the client, valid for this person and these filters only."""
        value = [str(self.recommendation_id), self.offset, user_id, fingerprint]
        return signing.dumps(value, salt=_SALT)


def read_cursor(text: str, user_id: int, fingerprint: str, max_age: int) -> Cursor:
    """Reads a cursor. Raises ValidationError naming ``cursor`` if it is invalid, expired, or of another person or list.

    max_age: in seconds.
    """
    try:
        recommendation_id, offset, owner, filters = signing.loads(text, salt=_SALT, max_age=max_age)
    except signing.SignatureExpired as error:
        raise _cursor_error("expired") from error
    except (signing.BadSignature, ValueError, TypeError) as error:
        raise _cursor_error("broken") from error
    if owner != user_id or filters != fingerprint:
        raise _cursor_error("foreign")
    return Cursor(UUID(recommendation_id), offset)


def _cursor_error(why: str) -> ValidationError:
    """The error for an unusable cursor; ``why``: expired, foreign or broken."""
    return ValidationError({"cursor": _CURSOR_ERRORS[why]})


def _fingerprint(filters: ListFilters, scenario: str) -> str:
    return filters.fingerprint() if scenario == HOME else f"{filters.fingerprint()}~{scenario}"


def list_at_cursor(user: User, text: str, filters: ListFilters, scenario: str = HOME) -> tuple[RenderedList, int]:
    """The list that a cursor belongs to, and the index to continue at. Raises ValidationError naming ``cursor``."""
    cursor = read_cursor(text, user.pk, _fingerprint(filters, scenario), list_cache.retention_seconds())
    rendered = list_cache.list_by_id(cursor.recommendation_id)
    if rendered is None:
        raise _cursor_error("expired")
    return rendered, cursor.offset


def page_body(
    rendered: RenderedList,
    *,
    user: User,
    start: int,
    limit: int,
    filters: ListFilters,
    continued: bool,
    expand: Collection[str] = (),
    cache_state: str = "",
    request_id: str = "",
    scenario: str = HOME,
) -> bytes:
    """The JSON body of the response: the list's head, up to ``limit`` items from ``start`` on, ``next_cursor``.

    continued: the list was computed for an earlier request, so movies that the person has seen since, or that are no
    longer published or available, are left out; and this page is logged as shown. expand: names from EXPANSIONS, read
    now.
    cache_state: adds the explanation, with this as its ``cache`` (hit, miss and so on).
    """
    positions, stop = _page_positions(rendered, start, limit, user if continued else None, filters.region)
    if continued and user.personalisation:
        log_positions(rendered.recommendation_id, positions, user=user, request_id=request_id)
    items = [rendered.items[position] for position in positions]
    if expand:
        items = [orjson.dumps(item) for item in items_expanded([orjson.loads(item) for item in items], expand)]
    parts = [rendered.head, b',"items":[', b",".join(items), b'],"next_cursor":']
    if stop < len(rendered.items):
        fingerprint = _fingerprint(filters, scenario)
        parts.append(b'"%b"' % Cursor(rendered.recommendation_id, stop).text(user.pk, fingerprint).encode())
    else:
        parts.append(b"null")
    if cache_state:
        parts.append(b',"explanation":{"cache":"%b",%b' % (cache_state.encode(), rendered.explanation[1:]))
    return b"".join([*parts, b"}"])


def _page_positions(
    rendered: RenderedList, start: int, limit: int, recheck_for: User | None, region: str
) -> tuple[Sequence[int], int]:
    """The positions of the page's items, and where the next page starts.

    recheck_for: leave out movies that this person has seen, that are blocked, not published or not available.
    """
    ids = rendered.movie_ids
    if recheck_for is None:
        stop = min(start + limit, len(ids))
        return range(start, stop), stop
    seen = seen_movie_ids(recheck_for.pk) if recheck_for.personalisation else set()
    allowed = movie_cards(ids[start:]).keys() - seen - never_listed_in(region)
    positions = [position for position in range(start, len(ids)) if ids[position] in allowed]
    page = positions[:limit]
    return page, page[-1] + 1 if len(positions) > limit else len(ids)

"""Lists, served: from Redis while they hold, computed otherwise, and logged."""

from collections.abc import Collection
from typing import Any
from uuid import UUID, uuid4

import orjson
import structlog
from django.core.exceptions import ValidationError
from django.utils import timezone

from accounts.models import User
from events.selectors import NOT_SEEN_BY, Signal, seen_movie_ids
from events.services import served_record
from movies.models import Movie
from movies.selectors import items_expanded, movie_cards
from recommendations.retrieval import candidates
from recommendations.retrieval.filters import ListFilters
from recommendations.retrieval.movie_features import feature_cache_for
from recommendations.serving import list_cache
from recommendations.serving.cursors import Cursor, cursor_read, refused
from recommendations.serving.list_cache import RenderedList
from recommendations.serving.personal import REALTIME, PersonalList, list_for, personal_list


def recommendation_list(
    *,
    user: User,
    limit: int,
    request_id: str = "",
    filters: ListFilters | None = None,
    cursor: str = "",
    explain: bool = False,
    expand: Collection[str] = (),
) -> bytes:
    """``limit`` of the person's best movies (1 to LIST_SIZE), as the JSON body of the response.

    The same list with the same ``recommendation_id`` for an hour, unless the person does something or the catalogue or
    the model changes: then the next call computes again. A filtered list is computed each time. ``cursor`` goes on in
    the list it came from. ``expand`` (of EXPANSIONS) is read now, whenever the list was computed. With Redis away every
    call computes. Raises ValidationError naming a filter or the cursor, and User.DoesNotExist where the person was
    deleted meanwhile.
    """
    filters = filters or ListFilters()
    filters.check()
    start = 0
    if cursor:
        rendered, start = _continued(user, cursor, filters)
        state = "continued"
    elif filters:
        rendered, state = _computed(user, request_id, filters), "filtered"
    else:
        rendered, state = _cached_or_computed(user, request_id)
    recommendation_id = orjson.loads(rendered.head + b"}")["recommendation_id"]
    # For the line of this request in the log.
    structlog.contextvars.bind_contextvars(recommendation_id=recommendation_id, list=state)
    kept, stop = _page(rendered, start, limit, user if cursor else None)
    tail = b',"next_cursor":null'
    if stop < len(rendered.items):
        following = Cursor(UUID(recommendation_id), stop).text(user.pk, filters.fingerprint())
        tail = b',"next_cursor":"%b"' % following.encode()
    if explain:
        tail += b',"explanation":{"cache":"%b",%b' % (state.encode(), rendered.explanation[1:])
    return rendered._replace(items=_expanded(kept, expand)).body(0, limit, tail)


def _expanded(rendered: list[bytes], expand: Collection[str]) -> list[bytes]:
    """The rendered items with what ``expand`` adds to their cards."""
    if not expand:
        return rendered
    return [orjson.dumps(item) for item in items_expanded([orjson.loads(item) for item in rendered], expand)]


def _cached_or_computed(user: User, request_id: str) -> tuple[RenderedList, str]:
    """The person's list and how it was made. Of requests that miss together one computes and the others wait."""
    looked = list_cache.lookup(user.pk)
    if looked.found is not None and not looked.stale:
        return looked.found, "hit"
    if looked.flight is None:
        waited = looked.found or list_cache.wait_for_list(user.pk, looked.tokens)
        if waited is not None:
            return waited, "stale" if looked.found else "shared"
    try:
        return _computed(user, request_id, ListFilters(), looked), "miss"
    except BaseException:
        list_cache.release_lock(user.pk, looked)
        raise


def _continued(user: User, text: str, filters: ListFilters) -> tuple[RenderedList, int]:
    """The list a cursor came from and where to go on in it. Raises ValidationError naming ``cursor``."""
    cursor = cursor_read(text, user.pk, filters.fingerprint(), list_cache.kept_seconds())
    rendered = list_cache.kept(str(cursor.recommendation_id))
    if rendered is None:
        raise refused("expired")
    return rendered, cursor.offset


def _page(rendered: RenderedList, start: int, limit: int, checked_for: User | None) -> tuple[list[bytes], int]:
    """Up to ``limit`` items from ``start`` on, and where the next page starts.

    A page of an older list leaves out what ``checked_for`` has seen since and what is not published any more.
    """
    if checked_for is None:
        stop = min(start + limit, len(rendered.items))
        return rendered.items[start:stop], stop
    ids = [orjson.loads(item)["movie"]["id"] for item in rendered.items]
    allowed = set(movie_cards(ids[start:])) - seen_movie_ids(checked_for.pk)
    places = [place for place in range(start, len(ids)) if ids[place] in allowed]
    page = places[:limit]
    stop = page[-1] + 1 if len(places) > limit else len(ids)
    return [rendered.items[place] for place in page], stop


def _computed(
    user: User, request_id: str, filters: ListFilters, looked: list_cache.Lookup | None = None
) -> RenderedList:
    """Computes the list, logs it as served, renders it and keeps it: for its next pages and, unless it is filtered, as
    the person's own under the tokens of ``looked``."""
    computed = personal_list(user, filters, facts=feature_cache_for(looked.catalogue_token) if looked else None)
    recommendation_id = uuid4()
    served_record(
        recommendation_id=recommendation_id,
        user=user,
        endpoint="recommendations",
        model_version_id=computed.version_id,
        movie_ids=[item["movie"]["id"] for item in computed.items],
        scores=[item["score"] for item in computed.items],
        explored=computed.explanation["exploration"]["movies"],
        request_id=request_id,
    )
    rendered = _rendered(computed, recommendation_id)
    of = (user.pk, looked) if looked else None
    list_cache.keep(str(recommendation_id), rendered, of=of, shown_to=user.pk)
    return rendered


def _rendered(computed: PersonalList, recommendation_id: UUID) -> RenderedList:
    head = {
        "recommendation_id": str(recommendation_id),
        "generated_at": timezone.now().isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "model_version": computed.version_id,
        "user_state": computed.user_state,
        "notices": computed.notices,
    }
    # Without its closing brace, so that the items can follow.
    items = [orjson.dumps(item) for item in computed.items]
    return RenderedList(orjson.dumps(head)[:-1], orjson.dumps(computed.explanation), items)


def session_list(
    *,
    signals: list[Signal],
    limit: int,
    filters: ListFilters,
    source: str = "events",
    expand: Collection[str] = (),
) -> dict[str, Any]:
    """A guest's list, from what they did in this session, newest first; nothing is stored.

    Raises ValidationError naming ``source`` (the field the signals came in) when a movie does not exist, or a filter.
    """
    filters.check()
    wanted = {signal.movie_id for signal in signals}
    known = set(Movie.objects.filter(pk__in=wanted, status=Movie.Status.PUBLISHED).values_list("pk", flat=True))
    if wanted - known:
        unknown = ", ".join(str(movie_id) for movie_id in sorted(wanted - known)[:10])
        raise ValidationError({source: f"There is no movie of the id {unknown}."})
    seen = {signal.movie_id for signal in signals if signal.kind not in NOT_SEEN_BY}
    computed = list_for(candidates.live_model(), signals[: REALTIME.signals], seen, filters)
    return {
        "model_version": computed.version_id,
        "user_state": computed.user_state,
        "notices": computed.notices,
        "items": items_expanded(computed.items[:limit], expand),
    }

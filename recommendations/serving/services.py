"""Serves lists: a person's own, from the cache or computed, and logged; and a guest's."""

from collections.abc import Collection
from typing import Any

import structlog
from django.core.exceptions import ValidationError

from accounts.models import User
from events.selectors import NOT_SEEN_BY, Signal
from events.served.list_ids import list_id_new
from events.served.log import served_append
from movies.models import Movie
from movies.selectors import items_expanded
from recommendations.algorithms.listing.scoring import rank
from recommendations.curation.active import LiveScenario, Placement, curation_now, placement_for, scenario_check
from recommendations.curation.config import HOME
from recommendations.retrieval.database_state import catalogue_token
from recommendations.retrieval.filters import ListFilters
from recommendations.retrieval.movie_features import MovieFeatureCache, feature_cache_for
from recommendations.serving import list_cache
from recommendations.serving.gather import gather_for_guest, gather_for_user
from recommendations.serving.list_metrics import LISTS, StageClock, count_computed
from recommendations.serving.pages import list_at_cursor, page_body
from recommendations.serving.present import present
from recommendations.serving.rendering import RenderedList, item_fields, list_fields, render
from recommendations.serving.served_lists import served_list


def recommendation_list(
    *,
    user: User,
    limit: int | None,
    request_id: str = "",
    filters: ListFilters | None = None,
    cursor: str = "",
    explain: bool = False,
    expand: Collection[str] = (),
    scenario: str = HOME,
) -> bytes:
    """``limit`` of the person's best movies (1 to LIST_SIZE), as the JSON body of the response.

    scenario: where the list is shown; its live version says how the list is made, and how long it is without ``limit``.

    The list and its ``recommendation_id`` are cached for an hour, until the person's signals, the catalogue or the live
    version change. A filtered list is computed by each call. ``cursor`` continues the list it came from. ``expand``
    (names from EXPANSIONS) is read by each call, even if the list is cached. With Redis away every call computes.
    Somebody who has paused personalisation gets the list of a guest, which is not logged, and is in no experiment.
    Raises ValidationError naming a filter, the cursor or the scenario, and User.DoesNotExist if the person has been
    deleted.
    """
    filters = (ListFilters() if filters is None else filters).effective()
    filters.check()
    if scenario != HOME:
        catalogue_token()
        scenario_check(scenario)
    start = 0
    if cursor:
        rendered, start = list_at_cursor(user, cursor, filters, scenario)
        state = "continued"
    elif not user.personalisation:
        rendered, state = _compute_impersonal(user, filters, scenario), "paused"
    elif filters:
        features = feature_cache_for(catalogue_token())
        placement = placement_for(user.pk, scenario, filters.region)
        rendered = _compute(user, limit, request_id, filters, placement=placement, features=features)
        state = "filtered"
    else:
        rendered, state = _get_or_compute(user, limit, request_id, scenario, filters.region)
    LISTS.labels(state).inc()
    # For this request's line in the log.
    structlog.contextvars.bind_contextvars(recommendation_id=str(rendered.recommendation_id), list=state)
    if (experiment := rendered.experiment) is not None:
        structlog.contextvars.bind_contextvars(experiment=experiment["name"], arm=experiment["arm"])
    return page_body(
        rendered,
        user=user,
        start=start,
        limit=limit or default_limit(scenario),
        filters=filters,
        continued=bool(cursor),
        expand=expand,
        cache_state=state if explain else "",
        request_id=request_id,
        scenario=scenario,
    )


def default_limit(scenario: str = HOME) -> int:
    """How many movies a request without a limit gets, as the scenario's live version says."""
    return Placement(scenario=curation_now().scenario(scenario) or LiveScenario()).places


def first_page_list(*, user: User, limit: int, request_id: str, lookup: list_cache.Lookup) -> tuple[RenderedList, str]:
    """The list of a first page without filters that was not in the cache, and its cache state.

    lookup: the look-up that found none; if it holds the lock, it is not repeated. user: with personalisation; only the
    ids are read. Raises User.DoesNotExist if the person has been deleted.
    """
    if lookup.lock_token is None:
        placement = lookup.placement
        found = _get_or_compute(user, limit, request_id, placement.scenario.name, placement.region)
    else:
        found = _compute_locked(user, limit, request_id, lookup), "miss"
    LISTS.labels(found[1]).inc()
    return found


def _get_or_compute(
    user: User, limit: int | None, request_id: str, scenario: str, region: str
) -> tuple[RenderedList, str]:
    """The person's list and its cache state. Of concurrent misses one computes; the others wait for its list.

    The first ``limit`` movies are logged as shown, wherever the list came from. region: the effective one.
    """
    page = list_cache.FirstPage(limit, request_id)
    lookup = list_cache.lookup(user.pk, page=page, scenario=scenario, region=region)
    if lookup.rendered is not None and not lookup.stale:
        return lookup.rendered, "hit"
    if lookup.lock_token is None:
        waited = lookup.rendered or list_cache.wait_for_list(user.pk, lookup.tokens, page, scenario, region)
        if waited is not None:
            return waited, "stale" if lookup.rendered else "shared"
    return _compute_locked(user, limit, request_id, lookup), "miss"


def _compute_locked(user: User, limit: int | None, request_id: str, lookup: list_cache.Lookup) -> RenderedList:
    """Computes the list, and releases the lock also where that fails."""
    try:
        features = feature_cache_for(lookup.catalogue_token)
        placement = lookup.placement
        filters = ListFilters(region=placement.region)
        return _compute(user, limit, request_id, filters, lookup, placement=placement, features=features)
    except BaseException:
        list_cache.release_lock(user.pk, lookup)
        raise


def _compute(
    user: User,
    limit: int | None,
    request_id: str,
    filters: ListFilters,
    lookup: list_cache.Lookup | None = None,
    *,
    placement: Placement,
    features: MovieFeatureCache,
) -> RenderedList:
    """Computes the list, caches it and logs it as served.

    lookup: of an unfiltered list, which becomes the person's current one under the tokens of the lookup; without it the
    list is cached for its next pages only. placement: the scenario, its rules and the person's arm of an experiment.
    """
    clock = StageClock()
    gathered = gather_for_user(user.pk, filters, features=features, placement=placement)
    clock.end("gather")
    ranked = rank(gathered.pool, gathered.ranking)
    clock.end("rank")
    presented = present(ranked, gathered)
    clock.end("present")
    rendered = render(presented)
    served = served_list(
        presented,
        recommendation_id=rendered.recommendation_id,
        user=user,
        endpoint="recommendations" if placement.scenario.name == HOME else f"recommendations:{placement.scenario.name}",
        limit=limit or placement.places,
        request_id=request_id,
        experiment=placement.assignment.experiment,
        arm=placement.assignment.arm,
    )
    list_cache.store(rendered, user_id=user.pk, own=lookup, served=served)
    clock.end("store")
    count_computed(presented)
    return rendered


def _compute_impersonal(user: User, filters: ListFilters, scenario: str) -> RenderedList:
    """The list of somebody who has paused personalisation: a guest's. Cached for its next pages, and not logged."""
    gathered = gather_for_guest([], set(), filters, scenario)
    rendered = render(present(rank(gathered.pool, gathered.ranking), gathered))
    list_cache.store(rendered, user_id=user.pk)
    return rendered


def session_list(
    *,
    signals: list[Signal],
    limit: int,
    filters: ListFilters,
    source: str = "events",
    expand: Collection[str] = (),
    client_id: int | None = None,
    request_id: str = "",
) -> dict[str, Any]:
    """A guest's list from the signals of their session, newest first. The signals are not stored; the list is logged
    as shown to nobody. client_id: the client application that asked.

    Raises ValidationError naming a filter, or ``source`` (the request's field of the signals) if a movie does not
    exist.
    """
    filters.check()
    wanted = {signal.movie_id for signal in signals}
    known = set(Movie.objects.filter(pk__in=wanted, status=Movie.Status.PUBLISHED).values_list("pk", flat=True))
    if wanted - known:
        unknown = ", ".join(str(movie_id) for movie_id in sorted(wanted - known)[:10])
        raise ValidationError({source: f"There is no movie of the id {unknown}."})
    seen = {signal.movie_id for signal in signals if signal.kind not in NOT_SEEN_BY}
    gathered = gather_for_guest(signals, seen, filters)
    ranked = rank(gathered.pool, gathered.ranking)
    presented = present(ranked, gathered)
    count_computed(presented)
    recommendation_id = list_id_new()
    served_append(
        served_list(
            presented,
            recommendation_id=recommendation_id,
            user=None,
            client_id=client_id,
            endpoint="session",
            limit=limit,
            request_id=request_id,
        )
    )
    fields = {"recommendation_id": str(recommendation_id), **list_fields(presented)}
    return {**fields, "items": items_expanded(item_fields(presented)[:limit], expand)}

"""Serves the page of rows: gathered once, put together without repetitions, logged row by row."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any
from uuid import UUID

from django.utils import timezone

from accounts.models import User
from events.served.entries import SOURCE_CODES, ServedList
from events.served.list_ids import list_id_new
from events.served.log import served_append
from movies.selectors import Card, items_expanded
from recommendations.algorithms.listing.scoring import rank
from recommendations.curation.active import Kind, Placement, guest_placement, placement_for, scenario_check
from recommendations.curation.config import DEFAULT_ROWS, HOME, RowConfig
from recommendations.home.candidates import PageRequest, RowCandidates, curated_rows, row_candidates
from recommendations.retrieval.database_state import catalogue_token
from recommendations.retrieval.filters import ListFilters
from recommendations.retrieval.movie_features import feature_cache_for
from recommendations.serving.gather import gather_for_guest, gather_for_user
from recommendations.serving.present import RankedItem, present
from recommendations.serving.served_lists import source_of

# Rows that choose their movies before the others: nothing else could take their place.
_FIRST = ("continue_watching", "curated")
# Rows with their movies and the ids under which they are logged.
Shown = list[tuple[RowCandidates, list[int], UUID]]


def home_page(
    *, user: User, scenario: str = HOME, region: str = "", request_id: str = "", expand: Collection[str] = ()
) -> dict[str, Any]:
    """A page of rows for the person, as the body of the response. No movie is on it twice.

    Rows and their order are those of the scenario's live version, with the curated rows of rules; a row without movies
    is left out. Each row is logged as a served list of the endpoint "home". Somebody who has paused personalisation
    gets a guest's page, which is not logged. region: only what is available there; DEFAULT_REGION without one.
    Raises ValidationError naming ``scenario``.
    """
    features = feature_cache_for(catalogue_token())
    scenario_check(scenario)
    filters = ListFilters(region=region).effective()
    if user.personalisation:
        placement = placement_for(user.pk, scenario, filters.region)
        gathered = gather_for_user(user.pk, filters, features=features, placement=placement)
    else:
        placement = guest_placement(scenario)
        gathered = gather_for_guest([], set(), filters, scenario)
    presented = present(rank(gathered.pool, gathered.ranking), gathered)
    rules = gathered.request.rules
    configs = _with_rules(placement.scenario.config.rows or DEFAULT_ROWS, rules.of_kind(Kind.ROW))
    page = PageRequest(user, presented, curated_rows(configs, rules))
    taken_genres = {config.genre for config in configs if config.genre}
    rows = [row for config in configs for row in row_candidates(config, page, taken_genres)]
    cards = gathered.request.features.cards({movie for row in rows for movie in row.movie_ids})
    chosen = _without_repetitions(rows, cards)
    listed = {item.movie_id: item for item in presented.items}
    shown = [(row, ids, list_id_new()) for row, ids in zip(rows, chosen, strict=True) if ids]
    if user.personalisation and shown:
        _log(shown, page, placement, request_id)
    return {
        "generated_at": timezone.now(),
        "model_version": presented.version_id,
        "user_state": presented.user_state,
        "experiment": placement.assignment.as_json(),
        "scenario": placement.scenario.as_json(),
        "rows": [
            {
                "name": row.name,
                "kind": row.kind,
                "title": row.title,
                "recommendation_id": str(list_id),
                "items": items_expanded([_item(row, movie, cards, listed) for movie in ids], expand),
            }
            for row, ids, list_id in shown
        ],
    }


def _log(shown: Shown, page: PageRequest, placement: Placement, request_id: str) -> None:
    """Logs each row as a served list. One round trip."""
    user, listed = page.user, {item.movie_id: item for item in page.presented.items}
    served_append(
        *(
            ServedList(
                id=list_id,
                user_id=user.pk,
                client_id=user.client_id,
                endpoint="home",
                model_version_id=page.presented.version_id,
                movie_ids=ids,
                scores=[listed[movie].score if movie in listed else 0.0 for movie in ids],
                sources=[_source(row, listed.get(movie)) for movie in ids],
                request_id=request_id,
                experiment=placement.assignment.experiment,
                arm=placement.assignment.arm,
                count=len(ids),
            )
            for row, ids, list_id in shown
        )
    )


def _with_rules(configs: Sequence[RowConfig], rules: Sequence[Any]) -> list[RowConfig]:
    """The rows of the page with those that rules add, at their places."""
    found, named = list(configs), {config.row for config in configs}
    for rule in rules:
        if rule.row not in named:
            named.add(rule.row)
            found.insert(len(found) if rule.place is None else rule.place - 1, RowConfig("curated", row=rule.row))
    return found


def _without_repetitions(rows: Sequence[RowCandidates], cards: dict[int, Card]) -> list[list[int]]:
    """The movies that each row shows: of its candidates, the first that are published and in no other row."""
    chosen: list[list[int]] = [[] for _ in rows]
    used: set[int] = set()
    for n in sorted(range(len(rows)), key=lambda n: rows[n].kind not in _FIRST):
        free = [movie for movie in dict.fromkeys(rows[n].movie_ids) if movie in cards and movie not in used]
        chosen[n] = free[: rows[n].places]
        used.update(chosen[n])
    return chosen


def _source(row: RowCandidates, item: RankedItem | None) -> int:
    return source_of(item) if row.kind == "for_you" and item is not None else SOURCE_CODES["row"]


def _item(row: RowCandidates, movie: int, cards: dict[int, Card], listed: dict[int, RankedItem]) -> dict[str, Any]:
    item = listed.get(movie) if row.kind == "for_you" else None
    reason = row.reason if item is None else item.reason
    rule = row.rule if item is None else item.rule
    fields: dict[str, Any] = {"movie": cards[movie], "reason": reason}
    return fields | ({"rule": rule.mark()} if rule is not None else {})

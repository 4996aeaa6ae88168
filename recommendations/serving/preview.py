"""Lists as a person would see them: with a draft of a rule or scenario, or another model version.

Nothing is logged, and nothing is cached.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from accounts.models import User
from recommendations.algorithms.listing.scoring import rank
from recommendations.curation.active import (
    HOME_BY_SETTINGS,
    Curation,
    Placement,
    Rule,
    curation_now,
    placed,
    scenario_check,
)
from recommendations.curation.config import HOME, ScenarioConfig
from recommendations.curation.drafts import RuleDraft
from recommendations.experiments.running import NO_ASSIGNMENT, assignment_for
from recommendations.retrieval.database_state import catalogue_token
from recommendations.retrieval.filters import ListFilters
from recommendations.retrieval.movie_features import feature_cache_for
from recommendations.serving.gather import gather_for_guest, gather_for_user
from recommendations.serving.present import PresentedList, present

# The id of a rule that is not saved yet.
DRAFT_ID = 0


def preview_list(
    user: User,
    draft: Curation | None = None,
    version: int | None = None,
    *,
    scenario: str = HOME,
    filters: ListFilters | None = None,
) -> PresentedList:
    """The person's list as it would be now. Nothing is logged or cached.

    draft: what would be in force instead of what is; see ``curation_with``. version: the model version that would rank.
    Raises ValidationError naming a filter or the scenario.
    """
    filters = (ListFilters() if filters is None else filters).effective()
    filters.check()
    features = feature_cache_for(catalogue_token())
    curation = draft or curation_now()
    if draft is None:
        scenario_check(scenario)
    where = curation.scenario(scenario) or HOME_BY_SETTINGS
    if not user.personalisation:
        gathered = gather_for_guest([], set(), filters, scenario, placement=placed(NO_ASSIGNMENT, curation, where))
    else:
        placement = placed(assignment_for(user.pk), curation, where, filters.region)
        gathered = gather_for_user(user.pk, filters, features=features, placement=_with_version(placement, version))
    return present(rank(gathered.pool, gathered.ranking), gathered)


def _with_version(placement: Placement, version: int | None) -> Placement:
    if version is None:
        return placement
    assignment = placement.assignment
    base = NO_ASSIGNMENT if assignment.overrides.holdout else assignment
    return placement._replace(assignment=replace(base, overrides=replace(base.overrides, model_version=version)))


def curation_with(
    *,
    draft: RuleDraft | None = None,
    rule_id: int | None = None,
    scenario: str = HOME,
    config: ScenarioConfig | None = None,
) -> Curation:
    """What would be in force with a draft of a rule, in place of the saved one with that id, or with a configuration of
    the scenario. A draft holds from now on, whenever it would begin."""
    curation = curation_now()
    rules = [rule for rule in curation.rules if rule.id != rule_id or draft is None]
    if draft is not None:
        rules.append(_rule(draft, rule_id or DRAFT_ID))
    scenarios = dict(curation.scenarios)
    if config is not None:
        known = curation.scenario(scenario) or replace(HOME_BY_SETTINGS, name=scenario)
        # A version of its own, because without one the configuration does not count.
        scenarios[scenario] = replace(known, version=known.version or 0, config=config)
    return replace(
        curation, rules=tuple(sorted(rules, key=lambda rule: (-rule.priority, rule.id))), scenarios=scenarios
    )


def _rule(draft: RuleDraft, rule_id: int) -> Rule:
    return Rule(
        id=rule_id,
        kind=draft.kind,
        movies=tuple(draft.movie_ids),
        scenario=draft.scenario.name if draft.scenario else "",
        genre=draft.genre.slug if draft.genre else "",
        country=draft.country.upper(),
        arm=draft.arm,
        place=draft.place,
        share=draft.share,
        weight=draft.weight,
        priority=draft.priority,
        row=draft.row.name if draft.row else "",
        title=draft.row.title if draft.row else "",
    )


@dataclass(frozen=True, slots=True)
class PreviewRow:
    """One place of two lists side by side; places count from 1, None where the list does not have the movie.

    change: "same", "up", "down", "new" or "gone". rule: what put or moved it in the second list.
    """

    movie: dict[str, Any]
    before: int | None
    after: int | None
    change: str
    rule: dict[str, Any] | None


def preview_diff(before: PresentedList, after: PresentedList, places: int = 20) -> list[PreviewRow]:
    """The movies of the first ``places`` of either list, in the second one's order; then those that are gone."""
    old = {item.movie_id: n for n, item in enumerate(before.items, start=1)}
    rows = [
        PreviewRow(
            after.gathered.movies.cards[item.movie_id],
            old.get(item.movie_id),
            place,
            _change(old.get(item.movie_id), place),
            item.rule_mark,
        )
        for place, item in enumerate(after.items[:places], start=1)
    ]
    new = {item.movie_id: n for n, item in enumerate(after.items, start=1)}
    cards = before.gathered.movies.cards
    for place, item in enumerate(before.items[:places], start=1):
        at = new.get(item.movie_id)
        if at is None or at > places:
            rows.append(PreviewRow(cards[item.movie_id], place, at, _change(place, at), None))
    return rows


def _change(before: int | None, after: int | None) -> str:
    if before is None or after is None:
        return "new" if before is None else "gone"
    return "same" if before == after else "up" if after < before else "down"

"""The scenarios and rules in force, and which movies are available, without a query: each process keeps them under the
database's state.

A saved rule changes the state, so every process sees it within a second, and at once where it reads the catalogue's new
token. A rule that begins or ends by the clock changes the ``token`` of cached lists, so that none outlives it; so does
a movie that becomes available or unavailable.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, NamedTuple

import structlog
from django.core.exceptions import ValidationError
from django.db import connection

from movies.availability import days
from movies.availability.regions import effective_region
from recommendations.curation.config import (
    ANY_EXPERIMENT,
    HOME,
    ConfigError,
    ScenarioConfig,
    overrides_over,
    scenario_config_read,
)
from recommendations.experiments.running import NO_ASSIGNMENT, Assignment, assigner, assignment_under
from recommendations.models import CurationRule
from recommendations.retrieval.availability import EVERYWHERE, Availability, active_availability
from recommendations.retrieval.database_state import DatabaseState, current_state, state_under
from recommendations.retrieval.filters import ListFilters

logger = structlog.get_logger(__name__)

DEFAULT_PLACES = 20

Kind = CurationRule.Kind
# Rules that have not ended, live versions, and the last moment at which a rule began or ended. Times are seconds of the
# epoch. One statement, because each process runs it after each change of the catalogue.
_READ = """
    SELECT
        (SELECT coalesce(json_agg(json_build_object(
            'id', rule.id, 'kind', rule.kind,
            'scenario', coalesce(scenario.name, ''), 'genre', coalesce(genre.slug, ''),
            'country', rule.country, 'arm', rule.arm, 'place', rule.place, 'share', rule.share, 'weight', rule.weight,
            'priority', rule.priority,
            'starts', extract(epoch FROM rule.starts_at), 'ends', extract(epoch FROM rule.ends_at),
            'row', coalesce(shelf.name, ''), 'title', coalesce(shelf.title, ''),
            'movies', CASE WHEN rule.row_id IS NULL THEN ARRAY(
                SELECT entry.movie_id FROM recommendations_curationrulemovie entry
                WHERE entry.rule_id = rule.id ORDER BY entry.position, entry.id)
            ELSE ARRAY(
                SELECT entry.movie_id FROM recommendations_curatedrowmovie entry
                WHERE entry.row_id = rule.row_id ORDER BY entry.position, entry.id)
            END) ORDER BY rule.priority DESC, rule.id), '[]')
        FROM recommendations_curationrule rule
        LEFT JOIN recommendations_scenario scenario ON scenario.id = rule.scenario_id
        LEFT JOIN movies_genre genre ON genre.id = rule.genre_id
        LEFT JOIN recommendations_curatedrow shelf ON shelf.id = rule.row_id
        WHERE rule.enabled AND (rule.ends_at IS NULL OR rule.ends_at > to_timestamp(%(now)s))),
        (SELECT coalesce(json_agg(json_build_array(scenario.name, version.number, version.config)), '[]')
        FROM recommendations_scenarioversion version
        JOIN recommendations_scenario scenario ON scenario.id = version.scenario_id
        WHERE version.live),
        (SELECT extract(epoch FROM max(moment))::float8
        FROM recommendations_curationrule, unnest(ARRAY[starts_at, ends_at]) moment
        WHERE enabled AND moment <= to_timestamp(%(now)s))
"""


class ListContext(NamedTuple):
    """What the scope of a rule is compared with.

    genres: slugs that the list was asked for; country: its region; arm: EXPERIMENT/ARM.
    """

    scenario: str = HOME
    genres: tuple[str, ...] = ()
    country: str = ""
    arm: str = ""


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule that is enabled. starts and ends: seconds of the epoch; movies: in their order; see CurationRule."""

    id: int
    kind: str
    movies: tuple[int, ...] = ()
    scenario: str = ""
    genre: str = ""
    country: str = ""
    arm: str = ""
    place: int | None = None
    share: float | None = None
    weight: float | None = None
    priority: int = 0
    starts: float | None = None
    ends: float | None = None
    row: str = ""
    title: str = ""

    def in_force(self, now: float) -> bool:
        """Whether it has begun and has not ended."""
        return (self.starts is None or self.starts <= now) and (self.ends is None or now < self.ends)

    def applies(self, context: ListContext) -> bool:
        """Whether its scope holds the list. The genre of a rule without movies is no scope: it names its movies."""
        return (
            self.scenario in ("", context.scenario)
            and self.country in ("", context.country)
            and self.arm in ("", context.arm)
            and (not self.genre or not self.movies or self.genre in context.genres)
        )

    def for_all_in(self, region: str) -> bool:
        """Whether it holds for every list of the region."""
        return not (self.scenario or self.genre or self.arm) and self.country in ("", region)

    def mark(self) -> dict[str, Any]:
        """What an item of a list says of it."""
        return {"id": self.id, "kind": self.kind}


@dataclass(frozen=True, slots=True)
class ListRules:
    """The rules in force for one list, the highest priority first. blocked: ids of movies that it must not have."""

    rules: tuple[Rule, ...] = ()
    blocked: frozenset[int] = frozenset()

    @property
    def promoted(self) -> set[int]:
        """Ids of movies that are candidates in any case: pinned or boosted."""
        return {movie for rule in self.rules if rule.kind in (Kind.PIN, Kind.BOOST) for movie in rule.movies}

    def of_kind(self, *kinds: str) -> list[Rule]:
        """The rules of these kinds, the highest priority first."""
        return [rule for rule in self.rules if rule.kind in kinds]


NO_RULES = ListRules()


@dataclass(frozen=True, slots=True)
class LiveScenario:
    """A scenario's live version; None is the version of "home" before one was published."""

    name: str = HOME
    version: int | None = None
    config: ScenarioConfig = field(default_factory=ScenarioConfig)

    def as_json(self) -> dict[str, Any]:
        """As answers show it."""
        return {"name": self.name, "version": self.version}


@dataclass(frozen=True)
class Curation:
    """All rules that have not ended when it was read, the highest priority first, and the live scenarios by name.

    moments: when rules begin or end after that, and when windows of availability open or close, ascending; passed: the
    last such moment before, None without one. availability: which movies each region lacks.
    """

    rules: tuple[Rule, ...] = ()
    scenarios: Mapping[str, LiveScenario] = field(default_factory=dict)
    moments: tuple[float, ...] = ()
    passed: float | None = None
    availability: Availability = EVERYWHERE

    def token(self, now: float | None = None) -> str:
        """A part of the version tokens of a cached list: another one after each moment. Without spaces."""
        passed = self.passed
        if self.moments and (count := bisect_right(self.moments, days.now() if now is None else now)):
            passed = self.moments[count - 1]
        return "" if passed is None else f"@{round(passed * 1000)}"

    def next_moment(self, now: float) -> float:
        """When the token changes next, in seconds of the epoch; infinite if it does not."""
        at = bisect_right(self.moments, now)
        return self.moments[at] if at < len(self.moments) else math.inf

    def rules_for(self, context: ListContext, now: float | None = None) -> ListRules:
        """The rules in force for that list."""
        if not self.rules:
            return NO_RULES
        moment = days.now() if now is None else now
        found = tuple(rule for rule in self.rules if rule.in_force(moment) and rule.applies(context))
        blocked = frozenset(movie for rule in found if rule.kind == Kind.BLOCK for movie in rule.movies)
        return ListRules(found, blocked) if found else NO_RULES

    def blocked(self, region: str = "", now: float | None = None) -> frozenset[int]:
        """Ids of the movies that are blocked for everybody in every list of the region."""
        if not self.rules:
            return frozenset()
        moment = days.now() if now is None else now
        everywhere = (rule for rule in self.rules if rule.kind == Kind.BLOCK and rule.for_all_in(region))
        return frozenset(movie for rule in everywhere if rule.in_force(moment) for movie in rule.movies)

    def scenario(self, name: str) -> LiveScenario | None:
        """The live version of that scenario; "home" needs none."""
        return self.scenarios.get(name) or (LiveScenario() if name == HOME else None)


HOME_BY_SETTINGS = LiveScenario()
NO_CURATION = Curation()


class Placement(NamedTuple):
    """One person's list in a scenario: the arm, whose overrides hold the scenario's, and what is in force.

    token: a part of the version tokens of a cached list, with its region. Without spaces.
    """

    assignment: Assignment = NO_ASSIGNMENT
    scenario: LiveScenario = HOME_BY_SETTINGS
    curation: Curation = NO_CURATION
    token: str = ""
    region: str = ""

    @property
    def places(self) -> int:
        """How many movies a request without a limit gets."""
        return self.scenario.config.places or DEFAULT_PLACES

    def rules(self, filters: ListFilters) -> ListRules:
        """The rules in force for a list with these filters."""
        return self.curation.rules_for(list_context(self.scenario.name, filters, self.assignment.token))


_held: tuple[bytes, Curation] | None = None


def active_curation(state: DatabaseState) -> Curation:
    """What is in force under that state; nothing while no state has been read. No query if it is known."""
    global _held  # noqa: PLW0603 -- one for the process is what it is for.
    if not state.text:
        return Curation()
    held = _held
    if held is None or held[0] != state.text:
        held = _held = state.text, _read(active_availability(state))
    return held[1]


def curation_now() -> Curation:
    """What is in force, at most a second old; read the catalogue's token before for what is in force at once."""
    state = current_state()
    return active_curation(state if state.text else state_under(state.token))


def never_listed_in(region: str) -> frozenset[int]:
    """Ids of the movies that no list of the region may have: not available there, or blocked by staff for everybody.

    region: the effective one. As old as ``curation_now``.
    """
    curation = curation_now()
    blocked, unavailable = curation.blocked(region), curation.availability.unavailable(region)
    return unavailable | blocked if blocked else unavailable


def placement_under(user_id: int, state: DatabaseState, scenario: str = HOME, region: str = "") -> Placement:
    """The person's placement under that state. A scenario without a live version is "home"; see ``scenario_check``.

    region: the effective one.
    """
    curation = active_curation(state)
    live = curation.scenario(scenario) or LiveScenario()
    return placed(assignment_under(user_id, state), curation, live, region)


def placement_for(user_id: int, scenario: str = HOME, region: str = "") -> Placement:
    """The person's placement at this moment; as old as ``curation_now``."""
    state = current_state()
    return placement_under(user_id, state if state.text else state_under(state.token), scenario, region)


def placer(state: DatabaseState) -> Callable[[int, str], Placement]:
    """``placement_under`` in "home", for a state that has been read, of a person and a region: no queries by the
    result's calls."""
    curation = active_curation(state)
    assign = assigner(state)
    home = curation.scenario(HOME) or LiveScenario()
    return partial(_place, assign, curation, home)


def guest_placement(scenario: str = HOME) -> Placement:
    """The placement of somebody without a history: in no experiment. In a scenario without a version, rules alone."""
    curation = curation_now()
    return placed(NO_ASSIGNMENT, curation, curation.scenario(scenario) or LiveScenario(scenario))


def scenario_check(name: str) -> None:
    """Raises ValidationError naming ``scenario`` unless it is "home" or has a live version; as old as
    ``curation_now``."""
    if curation_now().scenario(name) is None:
        raise ValidationError({"scenario": "There is no live scenario of this name."})


def _place(
    assign: Callable[[int], Assignment], curation: Curation, home: LiveScenario, user_id: int, region: str
) -> Placement:
    return placed(assign(user_id), curation, home, region)


def placed(assignment: Assignment, curation: Curation, scenario: LiveScenario, region: str = "") -> Placement:
    """The placement of somebody in that arm: the scenario's overrides under the arm's, if its experiment counts."""
    config = scenario.config
    if config.experiment not in (ANY_EXPERIMENT, assignment.experiment):
        assignment = NO_ASSIGNMENT
    token = assignment.token
    if scenario.version is not None:
        merged = overrides_over(config.overrides, assignment.overrides)
        assignment = replace(assignment, overrides=merged) if merged is not assignment.overrides else assignment
    named = "" if scenario.name == HOME else f"~{scenario.name}"
    if region:
        named += f"^{region}"
    return Placement(assignment, scenario, curation, token + named + curation.token(), region)


def list_context(scenario: str, filters: ListFilters, arm: str = "") -> ListContext:
    """What the scopes of rules are compared with. The country is the region that the request or the site names."""
    return ListContext(scenario, filters.genres, effective_region(filters.region), arm)


def clear_cache() -> None:
    """Makes the next call read again, for example after the tables have been replaced."""
    global _held  # noqa: PLW0603
    _held = None


def _read(availability: Availability) -> Curation:
    """One query."""
    with connection.cursor() as cursor:
        cursor.execute(_READ, {"now": (now := days.now())})
        rules, versions, passed = cursor.fetchone()
    found = tuple(Rule(**{**row, "movies": tuple(row["movies"])}) for row in rules)
    moments = {moment for rule in found for moment in (rule.starts, rule.ends) if moment is not None and moment > now}
    moments.update(edge for edge in availability.edges if edge > now)
    edges_passed = [edge for edge in availability.edges if edge <= now]
    last = max([*edges_passed, *([] if passed is None else [passed])], default=None)
    scenarios = {name: LiveScenario(name, number, _config(name, config)) for name, number, config in versions}
    return Curation(found, scenarios, tuple(sorted(moments)), last, availability)


def _config(name: str, value: object) -> ScenarioConfig:
    """The version's configuration; the default where this release cannot read it, which is logged."""
    try:
        return scenario_config_read(value)
    except ConfigError as error:
        logger.error("scenario_not_readable", scenario=name, reason=str(error))
        return ScenarioConfig()

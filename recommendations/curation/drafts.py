"""A rule before it is saved: what is wrong with it, and which rules it would conflict with."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from django.core.exceptions import ValidationError
from django.db.models import Exists, OuterRef, Q
from django.utils import timezone

from movies.availability.regions import REGIONS, region_error
from movies.availability.selectors import available_in
from movies.models import Movie
from recommendations.algorithms.listing.blending import LIST_SIZE
from recommendations.models import CuratedRow, CurationRule, CurationRuleMovie, Scenario
from recommendations.models.curation import MAX_FACTOR
from recommendations.retrieval.config import serving_config
from recsys_project.staff_admin.reasons import reason_problem

if TYPE_CHECKING:
    from movies.models import Genre

Kind = CurationRule.Kind
MAX_PINNED = 50
MAX_MOVIES = 500
# A cap is kept in each run of this many places.
RUN = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleDraft:
    """The fields of a CurationRule. movie_ids: in their order."""

    kind: str
    reason: str
    movie_ids: Sequence[int] = ()
    scenario: Scenario | None = None
    genre: Genre | None = None
    country: str = ""
    arm: str = ""
    row: CuratedRow | None = None
    place: int | None = None
    share: float | None = None
    weight: float | None = None
    priority: int = 0
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    enabled: bool = True


@dataclass(frozen=True, slots=True)
class Conflict:
    """Two rules that cannot both have their way, or one that cannot. text: names both; rule_id: of the other one, None
    without one.

    serious: saving is refused; otherwise staff confirm it.
    """

    text: str
    rule_id: int | None
    serious: bool


def slots_in_run() -> int:
    """How many of ten places rules may take (CURATION_MAX_SHARE); at least one, unless the setting is 0."""
    share = serving_config().curation_max_share
    return max(1, math.floor(share * RUN + 1e-9)) if share > 0 else 0


def rule_check(draft: RuleDraft) -> None:
    """Raises ValidationError naming each invalid field."""
    errors = _scope_errors(draft) | _KIND_CHECKS[Kind(draft.kind)](draft)
    if problem := reason_problem(draft.reason):
        errors["reason"] = problem
    if errors:
        raise ValidationError(errors)


def _scope_errors(draft: RuleDraft) -> dict[str, str]:
    errors = {}
    if draft.starts_at and draft.ends_at and draft.starts_at >= draft.ends_at:
        errors["ends_at"] = "It must be after the start."
    elif draft.ends_at and draft.ends_at <= timezone.now():
        errors["ends_at"] = "This is in the past."
    if draft.country and draft.country.upper() not in REGIONS:
        errors["country"] = region_error(draft.country)
    if draft.arm and (draft.arm.count("/") != 1 or "" in draft.arm.split("/")):
        errors["arm"] = "EXPERIMENT/ARM."
    if len(set(draft.movie_ids)) < len(draft.movie_ids):
        errors["movies"] = "A movie is named twice."
    unused = {
        "place": (Kind.PIN, Kind.ROW),
        "share": (Kind.PIN,),
        "weight": (Kind.BOOST, Kind.DAMP),
        "row": (Kind.ROW,),
    }
    for name, kinds in unused.items():
        if getattr(draft, name) is not None and draft.kind not in kinds:
            errors[name] = f"A {draft.kind} has none."
    return errors


def _pin_errors(draft: RuleDraft) -> dict[str, str]:
    errors = {}
    if not 1 <= len(draft.movie_ids) <= MAX_PINNED:
        errors["movies"] = f"A pin names 1 to {MAX_PINNED} movies."
    if (draft.place is None) == (draft.share is None):
        errors["place"] = "A pin has either a place or a share of the places."
    elif draft.place is not None and not 1 <= draft.place <= LIST_SIZE:
        errors["place"] = f"From 1 to {LIST_SIZE}."
    elif draft.share is not None and not 0 < draft.share <= serving_config().curation_max_share:
        errors["share"] = f"Above 0, and at most {serving_config().curation_max_share} (CURATION_MAX_SHARE)."
    return errors


def _factor_errors(draft: RuleDraft) -> dict[str, str]:
    errors = {}
    low, high = (1.0, MAX_FACTOR) if draft.kind == Kind.BOOST else (0.0, 1.0)
    weight = draft.weight
    if weight is None or not math.isfinite(weight) or not low < weight <= high or weight == 1:
        errors["weight"] = f"Above {low:g}, and at most {high:g}; not 1."
    if (not draft.movie_ids and draft.genre is None) or len(draft.movie_ids) > MAX_MOVIES:
        errors["movies"] = f"Name up to {MAX_MOVIES} movies, or a genre."
    return errors


def _block_errors(draft: RuleDraft) -> dict[str, str]:
    if 1 <= len(draft.movie_ids) <= MAX_MOVIES:
        return {}
    return {"movies": f"A block names 1 to {MAX_MOVIES} movies."}


def _row_errors(draft: RuleDraft) -> dict[str, str]:
    errors = {}
    if draft.row is None:
        errors["row"] = "Name the curated row."
    if draft.movie_ids:
        errors["movies"] = "Its movies are those of the curated row."
    return errors


_KIND_CHECKS = {
    Kind.PIN: _pin_errors,
    Kind.BOOST: _factor_errors,
    Kind.DAMP: _factor_errors,
    Kind.BLOCK: _block_errors,
    Kind.ROW: _row_errors,
}


def rule_conflicts(draft: RuleDraft, *, rule_id: int | None = None) -> list[Conflict]:
    """The conflicts of the draft with saved rules, the serious ones first. rule_id: of the rule that it would replace.

    Only rules with a common list and a common time conflict; a rule that puts movies also conflicts with where they are
    available today. Two queries, three with a country.
    """
    if not draft.enabled:
        return []
    others = CurationRule.objects.filter(_meets(draft), enabled=True).exclude(pk=rule_id or 0).select_related("genre")
    found = [conflict for other in others.prefetch_related("entries__movie") for conflict in _between(draft, other)]
    found += [*_over_the_cap(draft), *_not_available(draft)]
    return sorted(found, key=lambda conflict: not conflict.serious)


def _meets(draft: RuleDraft) -> Q:
    """A condition on rules: they hold in a list and at a time in which the draft holds."""
    times = Q(ends_at=None) | Q(ends_at__gt=max(draft.starts_at or timezone.now(), timezone.now()))
    if draft.ends_at is not None:
        times &= Q(starts_at=None) | Q(starts_at__lt=draft.ends_at)
    scope = (("scenario", draft.scenario, None), ("country", draft.country.upper(), ""), ("arm", draft.arm, ""))
    for name, value, empty in scope:
        if value:
            times &= Q(**{name: value}) | Q(**{name: empty})
    if draft.genre is not None and draft.movie_ids:
        named = Exists(CurationRuleMovie.objects.filter(rule=OuterRef("pk")))
        times &= Q(genre=draft.genre) | Q(genre=None) | ~Q(named)
    return times


def _between(draft: RuleDraft, other: CurationRule) -> list[Conflict]:
    titles = {entry.movie_id: entry.movie.title for entry in other.entries.all()}
    common = [titles[movie] for movie in draft.movie_ids if movie in titles]
    kinds = {draft.kind, other.kind}
    this, that = f"This {draft.kind}", f"rule {other}"
    found = []
    if common and Kind.BLOCK in kinds and kinds & {Kind.PIN, Kind.BOOST}:
        found.append(Conflict(f"{this} and {that}: one blocks {_listed(common)}, the other puts it.", other.pk, True))
    elif common and kinds == {Kind.BOOST, Kind.DAMP}:
        found.append(Conflict(f"{this} and {that}: one lifts {_listed(common)}, the other lowers it.", other.pk, False))
    elif common and kinds == {Kind.PIN}:
        found.append(Conflict(f"{this} and {that} both pin {_listed(common)}.", other.pk, False))
    if kinds == {Kind.PIN} and (
        places := _places(draft.place, len(draft.movie_ids)) & _places(other.place, len(titles))
    ):
        winner = "give one a higher priority" if draft.priority == other.priority else "the higher priority gets it"
        place = f"place {min(places)}"
        serious = draft.priority == other.priority
        found.append(Conflict(f"{this} and {that} both want {place}: {winner}.", other.pk, serious))
    return found


def _places(place: int | None, movies: int) -> set[int]:
    return set() if place is None else set(range(place, place + movies))


def _over_the_cap(draft: RuleDraft) -> list[Conflict]:
    """Whether the draft alone wants more of ten places than rules may take."""
    runs = (
        [(place - 1) // RUN for place in _places(draft.place, len(draft.movie_ids))] if draft.kind == Kind.PIN else []
    )
    slots = slots_in_run()
    if any(runs.count(run) > slots for run in set(runs)):
        text = f"This pin and the cap: rules take at most {slots} of {RUN} places; the rest moves down."
        return [Conflict(text, None, False)]
    return []


def _not_available(draft: RuleDraft) -> list[Conflict]:
    """Whether movies that the draft puts are not available in its country."""
    if not draft.country or draft.kind not in (Kind.PIN, Kind.BOOST):
        return []
    country = draft.country.upper()
    absent = Movie.objects.filter(~available_in(country), pk__any_of=list(draft.movie_ids)).order_by("pk")
    titles = list(absent.values_list("title", flat=True))
    text = f"This {draft.kind} and availability: {_listed(titles)} is not available in {REGIONS[country]} today."
    return [Conflict(text, None, False)] if titles else []


def _listed(titles: Sequence[str]) -> str:
    return ", ".join(titles[:3]) + (f" and {len(titles) - 3} more" if len(titles) > 3 else "")

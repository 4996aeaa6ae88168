"""What a rule does, and where, in a line of the list of rules."""

from __future__ import annotations

from typing import Any

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import OuterRef, QuerySet

from recommendations.models import CurationRule, CurationRuleMovie

Kind = CurationRule.Kind
# Titles in a line; of more movies it says only that there are more.
TITLES = 3


def with_titles(rules: QuerySet[Any]) -> QuerySet[Any]:
    """Adds ``first_titles``: the titles of the first movies of each rule, one more than are shown. No query more."""
    entries = CurationRuleMovie.objects.filter(rule=OuterRef("pk")).order_by("position", "id")
    return rules.annotate(first_titles=ArraySubquery(entries.values("movie__title")[: TITLES + 1]))


def rule_does(rule: Any) -> str:
    """What it does to what, such as "Heat at place 1". No query, if the rule has its titles, row and genre."""
    what = _listed(rule.first_titles)
    match rule.kind:
        case Kind.ROW:
            return f"{rule.row or '-'}{_at(rule)}"
        case Kind.BOOST | Kind.DAMP:
            return f"{what or f'all movies of {rule.genre}'}, times {rule.weight:g}"
        case Kind.PIN:
            return f"{what}{_at(rule)}"
    return what


def rule_where(rule: CurationRule) -> str:
    """The lists that it holds in. Runs no query on a rule with its scenario and genre."""
    parts = [
        rule.scenario and f"scenario {rule.scenario}",
        rule.genre and f"genre {rule.genre}",
        rule.country,
        rule.arm and f"arm {rule.arm}",
    ]
    return ", ".join(str(part) for part in parts if part) or "everywhere"


def _listed(titles: list[str]) -> str:
    return ", ".join(titles[:TITLES]) + (" and more" if len(titles) > TITLES else "")


def _at(rule: CurationRule) -> str:
    if rule.share is not None:
        return f" on {rule.share:.0%} of the places"
    return f" at place {rule.place}" if rule.place is not None else ""

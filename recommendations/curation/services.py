"""Writes scenarios and rules. Each change is in force with the next request."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import structlog
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Max
from django.utils import timezone

from accounts.models import User
from movies.caching.version_tokens import invalidate_catalogue_on_commit
from movies.db.advisory_locks import transaction_lock
from movies.models import Genre, Movie
from recommendations.curation.config import ConfigError, ScenarioConfig, scenario_config_read
from recommendations.curation.drafts import RuleDraft, rule_check, rule_conflicts
from recommendations.models import (
    CuratedRow,
    CuratedRowMovie,
    CurationRule,
    CurationRuleMovie,
    Scenario,
    ScenarioVersion,
)
from recsys_project.staff_admin.reasons import reason_check

logger = structlog.get_logger(__name__)

MAX_ROW_MOVIES = 200


def config_check(config: object) -> ScenarioConfig:
    """The configuration. Raises ValidationError naming ``config``, also for genres and rows that do not exist."""
    try:
        read = scenario_config_read(config)
    except ConfigError as error:
        raise ValidationError({"config": str(error)}) from error
    slugs = {*read.filters.genres, *(row.genre for row in read.rows if row.genre)}
    if unknown := sorted(slugs - set(Genre.objects.filter(slug__in=slugs).values_list("slug", flat=True))):
        raise ValidationError({"config": f"There is no genre {unknown[0]!r}."})
    names = {row.row for row in read.rows if row.row}
    if missing := sorted(names - set(CuratedRow.objects.filter(name__in=names).values_list("name", flat=True))):
        raise ValidationError({"config": f"There is no curated row {missing[0]!r}."})
    return read


@transaction.atomic
def scenario_save(
    *, scenario: Scenario, config: Mapping[str, Any], note: str = "", user: User | None = None
) -> ScenarioVersion:
    """A new version of the scenario, not live yet. Raises ValidationError naming ``config`` or ``note``."""
    config_check(config)
    text = reason_check(note, field="note", required=False)
    Scenario.objects.select_for_update().get(pk=scenario.pk)
    last = scenario.versions.aggregate(last=Max("number"))["last"] or 0
    return ScenarioVersion.objects.create(
        scenario=scenario, number=last + 1, config=dict(config), note=text, created_by=user
    )


@transaction.atomic
def scenario_publish(*, version: ScenarioVersion) -> ScenarioVersion:
    """Makes a version the live one of its scenario. Raises ValidationError if this release cannot read it."""
    config_check(version.config)
    Scenario.objects.select_for_update().get(pk=version.scenario_id)
    ScenarioVersion.objects.filter(scenario=version.scenario_id, live=True).exclude(pk=version.pk).update(live=False)
    version.live, version.published_at = True, timezone.now()
    version.save(update_fields=["live", "published_at"])
    invalidate_catalogue_on_commit()
    logger.info("scenario_published", scenario=version.scenario.name, version=version.number)
    return version


@transaction.atomic
def scenario_rollback(*, scenario: Scenario) -> ScenarioVersion:
    """Makes live again the newest version before the live one that has been live. Raises ValidationError."""
    Scenario.objects.select_for_update().get(pk=scenario.pk)
    live = scenario.versions.filter(live=True).first()
    if live is None:
        raise ValidationError("No version of the scenario is live.")
    before = scenario.versions.filter(number__lt=live.number, published_at__isnull=False).order_by("-number").first()
    if before is None:
        raise ValidationError(f"No version before {live.number} has been live.")
    return scenario_publish(version=before)


def scenario_diff(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[tuple[str, Any, Any]]:
    """What differs between two configurations: the path of each value, before and after; None where it is absent."""
    before, after = _flat(old), _flat(new)
    return [
        (path, before.get(path), after.get(path))
        for path in sorted(before.keys() | after.keys())
        if before.get(path) != after.get(path)
    ]


def _flat(value: Any, path: str = "") -> dict[str, Any]:
    if isinstance(value, Mapping):
        parts = [(f"{path}.{key}" if path else str(key), entry) for key, entry in value.items()]
    elif isinstance(value, list) and any(isinstance(entry, Mapping) for entry in value):
        parts = [(f"{path}[{index}]", entry) for index, entry in enumerate(value)]
    else:
        return {path: value}
    return {name: entry for part, inner in parts for name, entry in _flat(inner, part).items()}


@transaction.atomic
def rule_save(
    *, draft: RuleDraft, rule: CurationRule | None = None, user: User | None = None, confirmed: bool = False
) -> CurationRule:
    """Saves a new rule, or ``rule`` as the draft says. In force with the next request.

    Raises ValidationError naming invalid fields; and for conflicts: for serious ones always, for others unless
    ``confirmed``.
    """
    rule_check(draft)
    # Two rules that are saved at once see each other.
    transaction_lock("curation-rules")
    conflicts = rule_conflicts(draft, rule_id=None if rule is None else rule.pk)
    refused = [conflict.text for conflict in conflicts if conflict.serious or not confirmed]
    if refused:
        raise ValidationError(refused, code="conflict")
    _movies_check(draft.movie_ids, "movies")
    saved = rule or CurationRule(created_by=user)
    for name in RuleDraft.__dataclass_fields__:
        if name != "movie_ids":
            setattr(saved, name, getattr(draft, name))
    saved.country = draft.country.upper()
    saved.save()
    saved.entries.all().delete()
    CurationRuleMovie.objects.bulk_create(
        CurationRuleMovie(rule=saved, movie_id=movie, position=n) for n, movie in enumerate(draft.movie_ids)
    )
    invalidate_catalogue_on_commit()
    logger.info("rule_saved", rule=saved.pk, kind=saved.kind, enabled=saved.enabled)
    return saved


@transaction.atomic
def rule_end(*, rule: CurationRule) -> CurationRule:
    """Ends a rule now; ending an ended one changes nothing."""
    row = CurationRule.objects.select_for_update().get(pk=rule.pk)
    now = timezone.now()
    if row.ends_at is not None and row.ends_at <= now:
        return row
    row.ends_at = now
    if row.starts_at is not None and row.starts_at > now:
        row.starts_at = now
    row.save(update_fields=["starts_at", "ends_at"])
    invalidate_catalogue_on_commit()
    logger.info("rule_ended", rule=row.pk, kind=row.kind)
    return row


@transaction.atomic
def row_save(*, row: CuratedRow, movie_ids: Sequence[int]) -> CuratedRow:
    """Saves a curated row with these movies, in this order. Raises ValidationError naming ``movies``."""
    if not 1 <= len(movie_ids) <= MAX_ROW_MOVIES or len(set(movie_ids)) < len(movie_ids):
        raise ValidationError({"movies": f"1 to {MAX_ROW_MOVIES} movies, each once."})
    _movies_check(movie_ids, "movies")
    row.save()
    row.entries.all().delete()
    CuratedRowMovie.objects.bulk_create(
        CuratedRowMovie(row=row, movie_id=movie, position=n) for n, movie in enumerate(movie_ids)
    )
    invalidate_catalogue_on_commit()
    return row


def _movies_check(movie_ids: Sequence[int], field: str) -> None:
    known = set(Movie.objects.filter(pk__in=movie_ids).values_list("pk", flat=True))
    if unknown := sorted(set(movie_ids) - known):
        raise ValidationError({field: f"There is no movie of the id {unknown[0]}."})

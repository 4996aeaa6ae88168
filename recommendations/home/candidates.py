"""The movies that each kind of row may show, best first for the person; more than it has places, so that a row is
refilled where others have taken its movies."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from django.contrib.postgres.aggregates import ArrayAgg

from accounts.models import User
from events.kinds import Kind
from events.selectors import shelf_of
from movies.availability.selectors import available_in
from recommendations.curation.active import Kind as RuleKind
from recommendations.curation.active import ListRules, Rule
from recommendations.curation.config import RowConfig
from recommendations.discovery.latest import latest_list
from recommendations.discovery.trending import trending_list
from recommendations.models import CuratedRow
from recommendations.retrieval import candidates, reasons
from recommendations.retrieval.filters import ListFilters
from recommendations.retrieval.reasons import Reason
from recommendations.serving.gather import GatheredList
from recommendations.serving.present import PresentedList
from recommendations.serving.profiles import user_profile

# Candidates of a row beyond its places.
_SPARE = 60
CONTINUE: Reason = {"code": "continue", "text": "Continue watching"}


@dataclass(frozen=True, slots=True)
class RowCandidates:
    """One row before the page is put together. places: how many movies it shows at most; movie_ids: best first."""

    kind: str
    name: str
    title: str
    places: int
    movie_ids: Sequence[int]
    reason: Reason | None = None
    rule: Rule | None = None


@dataclass(frozen=True, slots=True)
class PageRequest:
    """What rows are made of. curated: title and movies of each curated row, by name."""

    user: User
    presented: PresentedList
    curated: Mapping[str, tuple[str, Sequence[int], Rule | None]] = field(default_factory=dict)

    @property
    def gathered(self) -> GatheredList:
        return self.presented.gathered

    @property
    def region(self) -> str:
        """The region of the page."""
        return self.gathered.request.filters.region

    def allowed(self, movie_ids: Sequence[int]) -> list[int]:
        """Those that may be listed for the person, in their order."""
        never = self.gathered.request.excluded
        return [movie for movie in movie_ids if movie not in never]

    def by_taste(self, movie_ids: Sequence[int]) -> list[int]:
        """Those that may be listed, best first for the person; in the given order without a taste."""
        allowed, profile, request = self.allowed(movie_ids), self.gathered.pool.profile, self.gathered.request
        if profile is None or not profile.positive or request.live.version_id is None or not allowed:
            return allowed
        known, factors, _ = request.features.vectors(request.live.version_id).item_and_rating_factors(allowed)
        scores = np.where(known, factors @ profile.query, -np.inf)
        return [allowed[n] for n in np.argsort(-scores, kind="stable").tolist()]


def curated_rows(configs: Sequence[RowConfig], rules: ListRules) -> dict[str, tuple[str, Sequence[int], Rule | None]]:
    """The curated rows that rules and the scenario name, by name. One query, if the scenario names others."""
    found: dict[str, tuple[str, Sequence[int], Rule | None]] = {
        rule.row: (rule.title, rule.movies, rule) for rule in reversed(rules.of_kind(RuleKind.ROW))
    }
    missing = {config.row for config in configs if config.row} - found.keys()
    if missing:
        rows = CuratedRow.objects.filter(name__in=missing).annotate(
            ids=ArrayAgg("entries__movie_id", order_by=["entries__position", "entries__id"], default=[])
        )
        found |= {name: (title, ids, None) for name, title, ids in rows.values_list("name", "title", "ids")}
    return found


def row_candidates(config: RowConfig, page: PageRequest, taken_genres: set[str]) -> list[RowCandidates]:
    """The rows of this kind. taken_genres: slugs that have a row already; those of new ones are added."""
    if config.kind == "genre":
        return _genre_rows(config, page, taken_genres)
    return _MAKERS[config.kind](config, page)


def _for_you(config: RowConfig, page: PageRequest) -> list[RowCandidates]:
    ids = [item.movie_id for item in page.presented.items]
    return [RowCandidates("for_you", "for_you", config.title or "For you", config.places, ids)]


def _continue_watching(config: RowConfig, page: PageRequest) -> list[RowCandidates]:
    if not page.user.personalisation:
        return []
    blocked = page.gathered.request.rules.blocked
    shelf = shelf_of(page.user, Kind.PARTIAL).filter(available_in(page.region, "movie__"))
    ids = [event.movie_id for event in shelf[: config.places]]
    title = config.title or "Continue watching"
    shown = [movie for movie in ids if movie not in blocked]
    return [RowCandidates("continue_watching", "continue_watching", title, config.places, shown, CONTINUE)]


def _because_you_liked(config: RowConfig, page: PageRequest) -> list[RowCandidates]:
    """A row for each of the newest movies that the person liked: what is nearest to it, best first for the person."""
    request = page.gathered.request
    version_id = request.live.version_id
    if version_id is None:
        return []
    pairs = []
    for signal in filter(reasons.is_nameable, request.signals):
        if signal.kind == Kind.PARTIAL:  # It has a row of its own.
            continue
        profile = user_profile(request.features, request.live, [signal])
        if profile is not None and profile.positive:
            pairs.append((signal, profile.query))
        if len(pairs) == config.count:
            break
    found = candidates.nearest_to_each(
        version_id, [query for _, query in pairs], request.excluded, config.places + _SPARE
    )
    titles = request.features.vectors(version_id).titles
    rows = []
    for (signal, _), nearest in zip(pairs, found, strict=True):
        title, ids = titles[signal.movie_id], page.by_taste(sorted(nearest))
        reason = reasons.because_of(signal, title)
        words = config.title.replace("{}", title) or reason["text"]
        name = f"because_you_liked:{signal.movie_id}"
        rows.append(RowCandidates("because_you_liked", name, words, config.places, ids, reason))
    return rows


def _new_for_you(config: RowConfig, page: PageRequest) -> list[RowCandidates]:
    newest = page.allowed(
        [item["movie"]["id"] for item in latest_list(limit=config.places + _SPARE, region=page.region)]
    )
    title = config.title or "New for you"
    ids = page.by_taste(newest)
    return [RowCandidates("new_for_you", "new_for_you", title, config.places, ids, reasons.NEW_HERE)]


def _trending(config: RowConfig, page: PageRequest) -> list[RowCandidates]:
    trends = trending_list(limit=config.places + _SPARE, region=page.region)
    popular = trends["basis"] == "popular"
    title = config.title or ("Popular" if popular else "Trending")
    ids = page.allowed([item["movie"]["id"] for item in trends["items"]])
    reason = reasons.POPULAR if popular else reasons.TRENDING
    return [RowCandidates("trending", "trending", title, config.places, ids, reason)]


def _genre_rows(config: RowConfig, page: PageRequest, taken: set[str]) -> list[RowCandidates]:
    """Popular movies of a genre, best first for the person; without a named one, of the genres of their list."""
    cards = page.gathered.movies.cards
    genres = [genre for item in page.presented.items[:40] for genre in cards[item.movie_id]["genres"]]
    names = {genre["slug"]: genre["name"] for genre in genres}
    often = [slug for slug, _ in Counter(genre["slug"] for genre in genres).most_common() if slug not in taken]
    slugs = [config.genre] if config.genre else often[: config.count]
    taken.update(slugs)
    popular = candidates.popular_by_genre(slugs, ListFilters()) if slugs else {}
    rows = []
    for slug in slugs:
        ids = page.allowed([movie for movie, _ in popular.get(slug, [])])[: config.places + _SPARE]
        name = names.get(slug) or slug.replace("-", " ").capitalize()
        title = config.title.replace("{}", name) or name
        reason = reasons.popular_in_genre(name, slug)
        rows.append(RowCandidates("genre", f"genre:{slug}", title, config.places, page.by_taste(ids), reason))
    return rows


def _curated(config: RowConfig, page: PageRequest) -> list[RowCandidates]:
    if config.row not in page.curated:
        return []
    title, ids, rule = page.curated[config.row]
    name, own = f"curated:{config.row}", config.title or title
    return [RowCandidates("curated", name, own, config.places, page.by_taste(ids), reasons.CURATED, rule)]


_MAKERS = {
    "for_you": _for_you,
    "continue_watching": _continue_watching,
    "because_you_liked": _because_you_liked,
    "new_for_you": _new_for_you,
    "trending": _trending,
    "curated": _curated,
}

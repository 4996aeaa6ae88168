"""Serves a group's list: computed once a day, the same for every member but for what the asking member has seen."""

import uuid
from collections.abc import Collection, Sequence
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from accounts.groups.selectors import group_members_for_list
from accounts.models import GroupMember, User, WatchGroup
from accounts.selectors import user_lock_shared
from events.selectors import seen_movie_ids
from events.served.entries import SOURCE_CODES, ServedList
from events.served.list_ids import list_id_new
from events.served.log import served_append
from movies.availability.regions import effective_region
from movies.selectors import items_expanded, movie_cards
from recommendations.algorithms.listing.group_aggregation import Strategy
from recommendations.curation.active import never_listed_in
from recommendations.models import StoredGroupList
from recommendations.retrieval.database_state import catalogue_token
from recommendations.retrieval.movie_features import feature_cache_for
from recommendations.retrieval.reasons import GROUP_REASONS
from recommendations.serving.group import compute_group

MAX_GROUP_LIMIT = 20
# What the log of served lists has as scores: the exact ones would tell the asking member more than the list does.
_LOGGED_SCORES = {"suits_all": 1.0, "suits_most": 0.7, "suits_some": 0.4, "popular": 0.1}


def group_list(
    *,
    user: User,
    group_id: uuid.UUID,
    strategy: Strategy,
    limit: int,
    region: str = "",
    request_id: str = "",
    expand: Collection[str] = (),
) -> dict[str, Any]:
    """The list of one of the person's groups, as the body of the response.

    It leaves out what the person has seen, and nothing that only others have seen; and what is not available in the
    region, DEFAULT_REGION without one. Popular movies fill what is then missing. Logged as served to the person.
    Raises ValidationError naming ``group`` unless all members have accepted, and User.DoesNotExist if the person has
    been deleted.
    """
    members = group_members_for_list(user=user, group_id=group_id)
    stored = _fresh(group_id, strategy)
    if stored is None or not stored.movie_ids:
        stored = _compute(user, group_id, strategy)
    seen = seen_movie_ids(user.pk) if user.personalisation else set()
    absent = never_listed_in(effective_region(region))
    never = seen | absent
    cards = movie_cards([movie for movie in stored.movie_ids if movie not in never])
    pairs = zip(stored.movie_ids, stored.reasons, strict=True)
    shown = [(movie, code) for movie, code in pairs if movie in cards][:limit]
    if len(shown) < limit and not absent.isdisjoint(stored.movie_ids):
        features = feature_cache_for(catalogue_token())
        popular, _ = features.popular(limit - len(shown), never.union(stored.movie_ids))
        cards |= features.cards(popular)
        shown += [(movie, "popular") for movie in popular if movie in cards]
    recommendation_id = list_id_new()
    if user.personalisation:
        served_append(
            ServedList(
                id=recommendation_id,
                user_id=user.pk,
                client_id=user.client_id,
                endpoint="group",
                model_version_id=stored.model_version_id,
                movie_ids=[movie for movie, _ in shown],
                scores=[_LOGGED_SCORES[code] for _, code in shown],
                sources=[SOURCE_CODES["popular" if code == "popular" else "realtime"] for _, code in shown],
                request_id=request_id,
                count=len(shown),
            )
        )
    items = [{"movie": cards[movie], "reason": GROUP_REASONS[code]} for movie, code in shown]
    return {
        "recommendation_id": str(recommendation_id),
        "generated_at": stored.computed_at,
        "model_version": stored.model_version_id,
        "strategy": strategy,
        "group": str(group_id),
        "members": [member.email for member in members],
        "items": items_expanded(items, expand),
    }


def withdraw_group_lists(user: User) -> None:
    """Empties the lists of all groups of a person whose data must not be used any more.

    Until such a list would have expired, the group gets popular movies in its place. If it got a new list, a member
    could ask for one after another by pausing or resetting, and compare them.
    """
    StoredGroupList.objects.filter(group__members__user=user).update(movie_ids=[], reasons=[])


def group_lists_flush() -> int:
    """Deletes the lists of groups that have ended; returns how many."""
    return StoredGroupList.objects.filter(group__ended_at__isnull=False).delete()[0]


def _fresh(group_id: uuid.UUID, strategy: Strategy) -> StoredGroupList | None:
    """The group's list, unless it is older than GROUP_LIST_HOURS."""
    since = timezone.now() - timedelta(hours=settings.GROUP_LIST_HOURS)
    return StoredGroupList.objects.filter(group_id=group_id, strategy=strategy, computed_at__gt=since).first()


@transaction.atomic
def _compute(user: User, group_id: uuid.UUID, strategy: Strategy) -> StoredGroupList:
    """Computes and stores the list. Of requests at once one computes; the others wait for its list.

    A list that was withdrawn is replaced by one that uses nobody's history, for the rest of its time.
    """
    user_lock_shared(user_id=user.pk)
    WatchGroup.objects.select_for_update(no_key=True).filter(pk=group_id).first()
    found = _fresh(group_id, strategy)
    if found is not None and found.movie_ids:
        return found
    # Again: a member may have left meanwhile.
    people = _people(group_members_for_list(user=user, group_id=group_id))
    unknown = [person.pk for person in people if found is not None or not person.personalisation]
    computed = compute_group([person.pk for person in people], strategy, unknown=unknown)
    stored, _ = StoredGroupList.objects.update_or_create(
        group_id=group_id,
        strategy=strategy,
        defaults={
            "model_version_id": computed.version_id,
            "movie_ids": [item.movie_id for item in computed.items],
            "reasons": [item.reason["code"] for item in computed.items],
            "computed_at": timezone.now() if found is None else found.computed_at,
        },
    )
    return stored


def _people(members: Sequence[GroupMember]) -> list[User]:
    return [member.user for member in members if member.user is not None]

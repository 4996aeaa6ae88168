"""Lists for groups, served: who may be in one, and the log of it."""

from collections.abc import Collection, Sequence
from typing import Any
from uuid import uuid4

from django.core.exceptions import ValidationError
from django.utils import timezone

from accounts.models import User
from accounts.selectors import users_sharing
from events.services import served_record
from movies.selectors import items_expanded
from recommendations.algorithms.listing.group_aggregation import Strategy
from recommendations.serving.group import GroupItem, group_list

MIN_MEMBERS = 2
MAX_MEMBERS = 10
# Movies of a list. What a long list does not hold has been seen by somebody, so a group's are short.
MAX_LIMIT = 20
# Digits of the scores that are shown: enough to compare by, too few to work back from to what somebody did.
SHOWN_DIGITS = 2


def group_recommendation(
    *,
    user: User,
    members: Sequence[str],
    strategy: Strategy,
    limit: int,
    request_id: str = "",
    expand: Collection[str] = (),
) -> dict[str, Any]:
    """The body of the response: a list for ``user`` and the people of these e-mail addresses, computed again and logged
    as served to ``user``, who is always one of them, first unless named elsewhere.

    Raises ValidationError naming ``members``. An address without an account is refused in the words in
    which somebody is who did not allow it, so that nobody can find out who has an account.
    """
    emails = [User.objects.normalize_email(email) for email in members]
    own = str(user)
    if len(set(emails)) < len(emails):
        raise ValidationError({"members": "Name each person once."})
    if own not in emails:
        emails.insert(0, own)
    if not MIN_MEMBERS <= len(emails) <= MAX_MEMBERS:
        raise ValidationError({"members": f"{MIN_MEMBERS} to {MAX_MEMBERS} people, you among them."})
    others = users_sharing(emails=[email for email in emails if email != own])
    people = {**others, own: user}
    refused = [email for email in emails if email not in people]
    if refused:
        raise ValidationError({"members": [f"{email} has not allowed lists for groups." for email in refused]})
    computed = group_list([people[email].pk for email in emails], strategy, limit)
    recommendation_id = uuid4()
    served_record(
        recommendation_id=recommendation_id,
        user=user,
        endpoint="group",
        model_version_id=computed.version_id,
        movie_ids=[item.movie_id for item in computed.items],
        scores=[item.score for item in computed.items],
        request_id=request_id,
    )
    return {
        "recommendation_id": str(recommendation_id),
        "generated_at": timezone.now(),
        "model_version": computed.version_id,
        "strategy": strategy,
        "members": emails,
        "items": items_expanded([_shown(item, computed.movies.cards) for item in computed.items], expand),
    }


def _shown(item: GroupItem, cards: dict[int, dict[str, Any]]) -> dict[str, Any]:
    """The item as the API shows it."""
    return {
        "movie": cards[item.movie_id],
        "score": round(item.score, SHOWN_DIGITS),
        "member_scores": [round(score, SHOWN_DIGITS) for score in item.member_scores],
        "reason": item.reason,
    }

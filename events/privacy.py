"""Deletes what is stored of a person's taste."""

from accounts.models import User
from events.list_invalidation import invalidate_user_on_commit
from events.models import Interaction, ListImpression, MergedRating, Rating, ServedRecommendation, Tag, TasteImport


def taste_delete(user: User) -> None:
    """Deletes the person's events, ratings, tags, taste imports and log of served lists, and invalidates their list."""
    for model in (Interaction, Rating, MergedRating, Tag, TasteImport, ListImpression, ServedRecommendation):
        model._base_manager.filter(user=user).delete()
    invalidate_user_on_commit(user.pk)

"""The list of a group, kept for a day."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils import timezone

from accounts.models import WatchGroup


class StoredGroupList(models.Model):
    """The one list of a group by one strategy, best first, which all its members are shown until it expires.

    Asking again must tell nothing new, so the list is a row and not a cached value that may be lost. ``reasons`` has
    the code of each movie's reason. No score is stored.
    """

    group = models.ForeignKey(WatchGroup, on_delete=models.CASCADE, db_index=False, related_name="lists")
    strategy = models.CharField(max_length=20)
    model_version_id = models.BigIntegerField(null=True)
    movie_ids = ArrayField(models.IntegerField())
    reasons = ArrayField(models.CharField(max_length=20))
    computed_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            # Consumer: a group's list of today.
            models.UniqueConstraint(fields=["group", "strategy"], name="group_list_strategy"),
            models.CheckConstraint(
                condition=models.Q(movie_ids__len=models.F("reasons__len")), name="group_list_one_reason_per_movie"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.strategy} list of group {self.group_id}"

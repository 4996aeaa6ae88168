"""Tombstones of erased people."""

from django.db import models
from django.utils import timezone


class Erasure(models.Model):
    """That a person was erased. It holds no personal data: an id that no row has any more, and a hash.

    A backup brings the person back; the tombstone then says that they must go again. Ids are given again after a
    backup was restored, so the fingerprint, of the id and the moment of joining, tells the person from a later one.
    """

    # No foreign key: the row it would refer to is gone.
    erased_id = models.BigIntegerField(editable=False)
    fingerprint = models.CharField(max_length=64, editable=False)
    erased_at = models.DateTimeField(default=timezone.now, editable=False)
    exported_at = models.DateTimeField(null=True, editable=False, help_text="When it was written to ERASURES_FILE.")

    class Meta:
        constraints = [
            # Consumer: the replay, which looks tombstones up by id.
            models.UniqueConstraint(fields=["erased_id", "fingerprint"], name="erasure_once"),
        ]
        indexes = [
            # Consumer: the export of those that are not in the file yet.
            models.Index(fields=["id"], condition=models.Q(exported_at__isnull=True), name="erasure_not_exported"),
        ]

    def __str__(self) -> str:
        return f"erasure of user {self.erased_id}"

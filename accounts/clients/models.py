"""Client applications and their keys."""

from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.core.validators import RegexValidator
from django.db import models
from django.utils import timezone

from accounts.access_changes import access_changing
from accounts.clients.scopes import Scope

PREFIX_LENGTH = 12
# A window (5000/h), or with a burst a token bucket (300/m:50), as in the RATE_LIMIT_ settings.
RATE = r"[1-9]\d{0,8}/([1-9]\d{0,4})?[smhd](:[1-9]\d{0,8})?"
RATES_FORM = "Rates separated by commas, such as 6000/m:500 (500 at once) or 5000/h."


class Client(models.Model):
    """An application that acts for users of its own."""

    name = models.CharField(max_length=80, unique=True)
    is_active = models.BooleanField("active", default=True, help_text="If not, all of its keys are refused.")
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        app_label = "accounts"
        verbose_name = "client application"

    def __str__(self) -> str:
        return self.name

    def save(self, *args: Any, **kwargs: Any) -> None:
        """An inactive client's keys end with it."""
        keys = [] if self._state.adding else self.keys.values_list("prefix", flat=True)
        with access_changing(*(f"key:{prefix}" for prefix in keys)):
            super().save(*args, **kwargs)


class ClientKey(models.Model):
    """A key of a client. Only a hash of its secret is stored, so nobody can read the key again.

    djangorestframework-api-key has a similar model; its primary key contains the hash, its keys have no scopes, last
    use or rate, and it checks them as a permission, when the caller is already known.
    """

    client = models.ForeignKey(Client, on_delete=models.CASCADE, related_name="keys")
    # Consumer of the unique index: the lookup of each request with a key.
    prefix = models.CharField(
        max_length=PREFIX_LENGTH, unique=True, editable=False, help_text="The part of the key before the dot."
    )
    # SHA-256 is enough: the secret is random and has 256 bits, so it cannot be guessed from its hash.
    hashed_secret = models.CharField(max_length=64, editable=False)
    scopes = ArrayField(
        models.CharField(max_length=32, choices=Scope.choices), help_text="What the key may be used for."
    )
    rate_limit = models.CharField(
        max_length=80,
        blank=True,
        default="",
        validators=[RegexValidator(rf"^{RATE}(,{RATE})*\Z", RATES_FORM)],
        help_text=f"{RATES_FORM} Empty for RATE_LIMIT_CLIENT.",
    )
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    expires_at = models.DateTimeField(null=True, blank=True, help_text="Empty for a key that does not expire.")
    last_used_at = models.DateTimeField(null=True, blank=True, editable=False, help_text="To a minute.")
    revoked_at = models.DateTimeField(null=True, blank=True, editable=False, help_text="Empty while the key is valid.")

    class Meta:
        app_label = "accounts"
        verbose_name = "client key"

    def __str__(self) -> str:
        return f"key {self.prefix}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Another rate, other scopes or another end hold from the next request on."""
        with access_changing(f"key:{self.prefix}"):
            super().save(*args, **kwargs)

    @property
    def state(self) -> str:
        """``revoked``, ``expired`` or ``valid``."""
        if self.revoked_at is not None:
            return "revoked"
        return "expired" if self.expires_at is not None and self.expires_at <= timezone.now() else "valid"

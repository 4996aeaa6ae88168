"""Users, who either sign in or come from an imported data set, and their refresh tokens."""

from typing import Any, ClassVar

from django.contrib.auth.hashers import check_password
from django.contrib.auth.models import AbstractBaseUser, BaseUserManager, PermissionsMixin
from django.db import models
from django.db.models.functions import Lower
from django.utils import timezone

from accounts.access_changes import access_changing
from accounts.addresses import canonical
from accounts.clients.models import Client, ClientKey
from accounts.groups.models import GroupMember, WatchGroup
from accounts.privacy.models import Erasure

# Django finds an app's models in its module ``models``.
__all__ = [
    "EXTERNAL_ID_LENGTH",
    "AccessChange",
    "Client",
    "ClientKey",
    "Erasure",
    "GroupMember",
    "RefreshToken",
    "User",
    "UserManager",
    "WatchGroup",
]

EXTERNAL_ID_LENGTH = 128
# What decides whether and how a user's requests are answered.
_OF_ACCESS = {"token_version", "is_active", "personalisation", "client", "external_id"}


class UserManager(BaseUserManager["User"]):
    """Creates users whose login is their e-mail address, in one spelling."""

    def create_user(self, email: str, password: str | None = None, **fields: Any) -> "User":
        if not email:
            raise ValueError("A person who signs in needs an e-mail address.")
        user = self.model(email=self.normalize_email(email), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, email: str, password: str | None = None, **fields: Any) -> "User":
        return self.create_user(email, password, is_staff=True, is_superuser=True, **fields)

    @classmethod
    def normalize_email(cls, email: str | None) -> str:
        """The one spelling of the address, so that two accounts cannot differ by case or encoding alone."""
        return canonical(email or "")

    def get_by_natural_key(self, username: str | None) -> "User":
        return self.get(email=self.normalize_email(username))


class User(AbstractBaseUser, PermissionsMixin):
    """A user. Imported users have no e-mail address and cannot sign in; the data set's user id identifies them. Nor can
    the users of client applications, who are identified by the client and its id of them."""

    email = models.EmailField(
        unique=True, null=True, blank=True, help_text="Used to sign in; empty for imported people."
    )
    display_name = models.CharField(max_length=80, blank=True)
    is_active = models.BooleanField(default=True)
    is_staff = models.BooleanField("staff", default=False, help_text="May use the admin.")
    group_invitations = models.BooleanField(
        default=True,
        # Imports insert users by raw SQL, which bypasses the Python default.
        db_default=True,
        help_text="Invitations to groups are shown to this person. Off: nobody can invite them, and nobody is told.",
    )
    personalisation = models.BooleanField(
        default=True,
        db_default=True,  # As above.
        help_text="Off: nothing this person does is recorded, and lists are popular movies.",
    )
    taste_reset_at = models.DateTimeField(
        null=True,
        blank=True,
        editable=False,
        help_text="When the person reset their taste: a training that began before makes no list for them.",
    )
    date_joined = models.DateTimeField(default=timezone.now)
    dataset = models.CharField(
        max_length=32, blank=True, default="", help_text="The data set that this person was imported with."
    )
    dataset_user_id = models.BigIntegerField(null=True, blank=True, help_text="The id of this person in that data set.")
    # Each token holds the number it was signed under; raising it ends all of them. Imports bypass the Python default.
    token_version = models.PositiveIntegerField(default=0, db_default=0, editable=False)
    client = models.ForeignKey(
        "accounts.Client",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        # user_of_client has it.
        db_index=False,
        related_name="users",
        help_text="The client application whose user this is.",
    )
    external_id = models.CharField(
        max_length=EXTERNAL_ID_LENGTH,
        blank=True,
        default="",
        db_default="",
        help_text="The client's own id of this user.",
    )

    objects: ClassVar[UserManager] = UserManager()

    USERNAME_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    class Meta:
        permissions = [
            ("support_user", "Can open the support page of a person"),
            ("export_user", "Can export the data of a person"),
            ("end_sessions_user", "Can end the sign-ins of a person"),
        ]
        indexes = [
            # Consumers: filters of the list of people in the admin, which would read a million rows for a few.
            models.Index(fields=["-id"], condition=models.Q(is_staff=True), name="user_staff"),
            models.Index(fields=["-id"], condition=models.Q(is_active=False), name="user_inactive"),
        ]
        constraints = [
            # Consumer: imports, which look users up by the data set's user id; the export, which writes it.
            models.UniqueConstraint(fields=["dataset", "dataset_user_id"], name="user_dataset_identity"),
            models.CheckConstraint(condition=models.Q(email=Lower("email")), name="user_email_lower_case"),
            models.CheckConstraint(
                condition=models.Q(dataset="", dataset_user_id__isnull=True)
                | (~models.Q(dataset="") & models.Q(dataset_user_id__isnull=False)),
                name="user_dataset_with_id",
            ),
            # Consumer: requests of client applications, which name their users.
            models.UniqueConstraint(
                fields=["client", "external_id"], condition=models.Q(client__isnull=False), name="user_of_client"
            ),
            # Users of clients never sign in and never belong to a data set.
            models.CheckConstraint(
                condition=models.Q(client__isnull=True, external_id="")
                | (models.Q(client__isnull=False, email__isnull=True, dataset="") & ~models.Q(external_id="")),
                name="user_client_with_id",
            ),
        ]

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Raises ``token_version`` with a new password and for an inactive user, so that all tokens end.

        Otherwise it leaves the version as it is in the database: a user that was read before others raised it must not
        bring ended tokens back.
        """
        if self._state.adding:
            super().save(*args, **kwargs)
            return
        names = kwargs.get("update_fields")
        written = self._loaded_fields() if names is None else set(names)
        written.discard("token_version")
        ends_tokens = getattr(self, "_password", None) is not None or not self.is_active
        if ends_tokens:
            self.token_version = models.F("token_version") + 1
            written.add("token_version")
        if written & _OF_ACCESS:
            with access_changing(f"user:{self.pk}"):
                super().save(*args, **kwargs | {"update_fields": written})
        else:
            super().save(*args, **kwargs | {"update_fields": written})
        if ends_tokens:
            self.refresh_from_db(fields=["token_version"])

    def check_password(self, raw_password: str | None) -> bool:
        """Whether the password is right. A hash of another cost is renewed, if it is still the stored one.

        Django would save the new hash in any case: over a password that was set meanwhile, and with an error for a
        user who was deleted meanwhile.
        """
        checked, outdated = self.password, list[str]()
        if not check_password(raw_password, checked, outdated.append):
            return False
        if not outdated:
            return True
        self.set_password(raw_password)
        # As in Django: it is no new password, so tokens stay valid.
        self._password = None
        if User.objects.filter(pk=self.pk, password=checked).update(password=self.password):
            return True
        stored = User.objects.filter(pk=self.pk).values_list("password", flat=True).first()
        self.password = stored or checked
        return stored is not None and check_password(raw_password, stored)

    def _loaded_fields(self) -> set[str]:
        left_out = self.get_deferred_fields()
        fields = self._meta.concrete_fields
        return {field.name for field in fields if not field.primary_key and field.attname not in left_out}

    def _get_session_auth_hash(self, secret: Any = None) -> str:
        """Sessions of the admin end with the tokens: their hash holds the version, too."""
        password = super()._get_session_auth_hash(secret=secret)  # type: ignore[misc]
        return f"{password}{self.token_version}"

    def __str__(self) -> str:
        return self.email or (f"{self.dataset} #{self.dataset_user_id}" if self.dataset else f"user {self.pk}")


class RefreshToken(models.Model):
    """The refresh token of one sign-in, and all those that it was exchanged for: its family.

    Only the ids of the newest token and of the one before it are stored; the tokens are with the client alone. Any
    older token of the family is known by its ``family`` claim.
    """

    family = models.UUIDField(unique=True, editable=False, help_text="The id that all tokens of this sign-in hold.")
    jti = models.UUIDField(editable=False, help_text="The id of the token; nobody can sign in with it.")
    previous_jti = models.UUIDField(null=True, blank=True, editable=False, help_text="The id of the token before.")
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="refresh_tokens")
    created_at = models.DateTimeField(default=timezone.now, editable=False, help_text="When the person signed in.")
    rotated_at = models.DateTimeField(default=timezone.now, editable=False, help_text="When the token was issued.")
    # Consumer of the index: the daily deletion of expired ones.
    expires_at = models.DateTimeField(
        db_index=True, editable=False, help_text="The end of the family, however often it is refreshed."
    )
    revoked_at = models.DateTimeField(
        null=True, blank=True, help_text="When the family ended early, by signing out or because a token was replayed."
    )

    def __str__(self) -> str:
        return f"refresh token {self.jti} of user {self.user_id}"


class AccessChange(models.Model):
    """A change that may end somebody's access, written by triggers; see ``accounts.access_changes``."""

    subject = models.CharField(max_length=60, help_text="user:ID, family:HEX or key:PREFIX.")
    # Consumer of the index: web processes, which read what was committed since they last did.
    xact = models.BigIntegerField(db_index=True, help_text="The transaction's id.")
    created_at = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return f"access change of {self.subject}"


class AccountMail(models.Model):
    """A mail that somebody asked for by naming an address, which may have an account or not; see ``accounts.mails``."""

    class Kind(models.TextChoices):
        REGISTER = "register"
        RESET = "reset"

    kind = models.CharField(max_length=8, choices=Kind.choices)
    # Consumer of the index: the limit of mails to one address.
    email = models.EmailField(db_index=True)
    password = models.CharField(max_length=128, blank=True, help_text="Of a registration: the hash of its password.")
    display_name = models.CharField(max_length=80, blank=True)
    token_version = models.PositiveIntegerField(
        null=True, blank=True, help_text="Of a reset: the version of the user when the link was sent, which it changes."
    )
    created_at = models.DateTimeField(default=timezone.now)
    sent_at = models.DateTimeField(null=True, blank=True, help_text="When it was sent.")
    used_at = models.DateTimeField(null=True, blank=True, help_text="When its link was used.")

    class Meta:
        indexes = [
            # Consumer: the sweep that sends.
            models.Index(fields=["id"], name="account_mail_waiting", condition=models.Q(sent_at=None)),
        ]

    def __str__(self) -> str:
        return f"{self.kind} mail {self.pk}"

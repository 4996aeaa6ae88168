"""Deletes an account, or what is stored of a taste, on the owner's request."""

from django.contrib.auth import authenticate
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

from accounts.deletion import log_clean_of_rows, user_delete
from accounts.models import User
from accounts.privacy.cleaners import clean_for_reset
from accounts.selectors import user_exists


def account_delete(*, user: User, password: str) -> None:
    """Deletes the person and all their data. A second request at the same time finds them deleted, and succeeds too.

    Raises ValidationError naming ``password`` if it is wrong, and User.DoesNotExist if the person is deleted already.
    The attempt counts as one to sign in.
    """
    known = authenticate(username=user.email, password=password)
    if known is None or known.pk != user.pk:
        if not user_exists(user_id=user.pk):
            raise User.DoesNotExist
        raise ValidationError({"password": "This is not your password."})
    user_delete(user_id=user.pk)


def taste_reset(*, user: User) -> None:
    """Deletes all that is stored of the person's taste; the account stays. Idempotent.

    The user is locked first: an event at the same time is deleted, or comes after the reset. Raises User.DoesNotExist.
    """
    with transaction.atomic():
        locked = User.objects.select_for_update().get(pk=user.pk)
        log_clean_of_rows(locked)
        clean_for_reset(locked)
        User.objects.filter(pk=locked.pk).update(taste_reset_at=timezone.now())

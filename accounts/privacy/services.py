"""Deletes an account on its owner's request."""

from django.contrib.auth import authenticate
from django.core.exceptions import ValidationError

from accounts.deletion import user_delete
from accounts.models import User
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

"""What other apps delete when a person resets their taste or pauses personalisation.

Apps register cleaners in ``AppConfig.ready``. They run in the service's transaction, those of later apps first: a later
app may need the rows of an earlier one to find what it keeps outside the database.
"""

from collections.abc import Callable

from accounts.models import User

Cleaner = Callable[[User], None]
_on_reset: list[Cleaner] = []
_on_pause: list[Cleaner] = []


def on_taste_reset(cleaner: Cleaner) -> None:
    """Registers ``cleaner``, which deletes what is stored of a person's taste."""
    if cleaner not in _on_reset:
        _on_reset.append(cleaner)


def on_pause(cleaner: Cleaner) -> None:
    """Registers ``cleaner``, which removes lists that were made from a person's taste."""
    if cleaner not in _on_pause:
        _on_pause.append(cleaner)


def clean_for_reset(user: User) -> None:
    for cleaner in reversed(_on_reset):
        cleaner(user)


def clean_for_pause(user: User) -> None:
    for cleaner in reversed(_on_pause):
        cleaner(user)

"""Who may give rights, and who may touch somebody who has some.

Superusers may do everything. Administrators (``accounts.staff.roles``) give and take the other roles, and touch people
who have nothing beyond those. Other staff, whatever permissions they have, give no rights and touch nobody who has any.
"""

from typing import Any, Final

from django.contrib.auth.models import Group
from django.db.models import QuerySet

from accounts.models import User
from accounts.selectors import has_privileges
from accounts.staff.roles import Role

# The fields of a user that are rights.
PRIVILEGES: Final = ("is_staff", "is_superuser", "groups", "user_permissions")
# Those that administrators set.
OF_ADMINISTRATORS: Final = ("is_staff", "groups")
GRANTABLE: Final = frozenset(Role) - {Role.ADMINISTRATOR}


def is_superuser(user: Any) -> bool:
    """Whether the user, who may be anonymous, is an active superuser."""
    return bool(user.is_active and user.is_superuser)


def is_administrator(user: Any) -> bool:
    """Whether the user has the role. One query, once for each object of a user."""
    known: bool | None = getattr(user, "_is_administrator", None)
    if known is None:
        staff = isinstance(user, User) and user.is_active and user.is_staff
        known = staff and user.groups.filter(name=Role.ADMINISTRATOR).exists()
        user._is_administrator = known
    return known


def rights_given_by(user: Any) -> tuple[str, ...]:
    """The fields of PRIVILEGES that the user may set for people they may touch."""
    if is_superuser(user):
        return PRIVILEGES
    return OF_ADMINISTRATORS if is_administrator(user) else ()


def roles_given_by(user: Any) -> QuerySet[Group]:
    """The groups that the user may put people into."""
    groups = Group.objects.all()
    if is_superuser(user):
        return groups
    return groups.filter(name__in=GRANTABLE) if is_administrator(user) else groups.none()


def may_touch(user: Any, person: User | None) -> bool:
    """Whether the user may change, delete, export or end the sessions of ``person``; None: of anybody without rights.

    Two queries at most, none for superusers.
    """
    if person is None or is_superuser(user):
        return True
    if not is_administrator(user):
        return not has_privileges(user=person)
    if person.is_superuser or person.user_permissions.exists():
        return False
    return not person.groups.exclude(name__in=GRANTABLE).exists()

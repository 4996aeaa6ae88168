"""Roles of staff: groups whose permissions this module decides.

``roles_sync`` brings the groups in step after each migration, so that a permission of a new model is in the roles whose
patterns match it. Other groups are left alone.
"""

from collections.abc import Collection, Iterable
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import Final

from django.contrib.auth.models import Group, Permission
from django.core.exceptions import ValidationError
from django.db import transaction

from accounts.models import User


class Role(StrEnum):
    """The names of the groups."""

    CURATOR = "curator"
    ANALYST = "analyst"
    OPERATOR = "operator"
    ADMINISTRATOR = "administrator"


# Patterns of "app.codename"; * stands for any text.
ROLE_PERMISSIONS: Final[dict[Role, tuple[str, ...]]] = {
    # Movies and what staff make of lists.
    Role.CURATOR: (
        "movies.*",
        "recommendations.*_scenario",
        "recommendations.*_scenarioversion",
        "recommendations.*_curatedrow",
        "recommendations.*_curatedrowmovie",
        "recommendations.*_curationrule",
        "recommendations.*_curationrulemovie",
        "recommendations.preview_*",
        "recommendations.view_popularmovie",
        "recommendations.view_modelversion",
        "recommendations.view_experiment",
        "recommendations.view_experimentarm",
        "events.view_recommendationstatistic",
    ),
    # Numbers and experiments; nothing that names a person.
    Role.ANALYST: (
        "recommendations.*_experiment",
        "recommendations.*_experimentarm",
        "recommendations.view_modelversion",
        "recommendations.view_tuningrun",
        "recommendations.view_tuningtrial",
        "recommendations.view_popularmovie",
        "recommendations.view_scenario",
        "recommendations.view_scenarioversion",
        "recommendations.view_curatedrow",
        "recommendations.view_curatedrowmovie",
        "recommendations.view_curationrule",
        "recommendations.view_curationrulemovie",
        "events.view_recommendationstatistic",
        "movies.view_*",
    ),
    # The machine: models, tasks, the schedule, keys of client applications.
    Role.OPERATOR: (
        "recommendations.view_modelversion",
        # Trains, publishes and rolls back; a version's row is never edited.
        "recommendations.change_modelversion",
        "recommendations.view_tuningrun",
        "recommendations.view_tuningtrial",
        "recommendations.view_popularmovie",
        "recommendations.view_experiment",
        "recommendations.view_experimentarm",
        "events.view_recommendationstatistic",
        "django_celery_beat.*_periodictask",
        "django_celery_beat.*_crontabschedule",
        "django_celery_beat.*_intervalschedule",
        "accounts.view_client",
        "accounts.add_client",
        "accounts.change_client",
        "accounts.view_clientkey",
        "accounts.add_clientkey",
        "accounts.change_clientkey",
    ),
    # Everything, people among it. Which rights they may give is in accounts.staff.privileges.
    Role.ADMINISTRATOR: (
        "accounts.*",
        "movies.*",
        "events.*",
        "recommendations.*",
        "django_celery_beat.*_periodictask",
        "django_celery_beat.*_crontabschedule",
        "django_celery_beat.*_intervalschedule",
        "auth.view_group",
        "admin.view_logentry",
    ),
}

ROLE_APPS: Final = frozenset(one.partition(".")[0] for patterns in ROLE_PERMISSIONS.values() for one in patterns)


def permissions_of(role: Role, among: Iterable[Permission]) -> list[Permission]:
    """Those of ``among`` (with their content types) that the role has."""
    patterns = ROLE_PERMISSIONS[role]
    return [
        permission
        for permission in among
        if any(fnmatchcase(f"{permission.content_type.app_label}.{permission.codename}", one) for one in patterns)
    ]


def roles_sync(*, app_label: str | None = None) -> dict[Role, tuple[int, int]]:
    """Makes the groups, and gives each exactly its permissions; only those of one app, if it is named.

    Returns how many permissions were added to and removed from each role that changed. A handful of queries.
    """
    with transaction.atomic():
        found = Permission.objects.select_related("content_type")
        if app_label is not None:
            found = found.filter(content_type__app_label=app_label)
        all_permissions = list(found)
        changed = {}
        for role in Role:
            group, _ = Group.objects.get_or_create(name=role.value)
            wanted = {permission.pk for permission in permissions_of(role, all_permissions)}
            held = group.permissions.all()
            if app_label is not None:
                held = held.filter(content_type__app_label=app_label)
            present = set(held.values_list("pk", flat=True))
            if wanted - present:
                group.permissions.add(*(wanted - present))
            if present - wanted:
                group.permissions.remove(*(present - wanted))
            if wanted != present:
                changed[role] = (len(wanted - present), len(present - wanted))
    return changed


def role_grant(*, email: str, roles: Collection[str]) -> User:
    """Makes a person a member of staff with exactly these roles; none of them ends their being staff.

    Groups that are no roles, and superusers' rights, stay. Raises ValidationError naming ``email`` or ``roles``.
    """
    unknown = sorted(set(roles) - set(Role))
    if unknown:
        raise ValidationError({"roles": f"Not a role: {', '.join(unknown)}. Roles: {', '.join(Role)}."})
    with transaction.atomic():
        user = User.objects.select_for_update().filter(email=User.objects.normalize_email(email)).first()
        if user is None:
            raise ValidationError({"email": "Nobody signs in with this address."})
        user.groups.remove(*Group.objects.filter(name__in=list(Role)).exclude(name__in=list(roles)))
        user.groups.add(*Group.objects.filter(name__in=list(roles)))
        user.is_staff = bool(roles) or user.is_superuser
        user.save(update_fields=["is_staff"])
    return user

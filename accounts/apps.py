from typing import Any

from django.apps import AppConfig
from django.apps import apps as site_apps
from django.core.checks import register
from django.db.models.signals import post_migrate

from accounts.checks import check_mail, check_totp


class AccountsConfig(AppConfig):
    name = "accounts"

    def ready(self) -> None:
        register(check_mail, deploy=True)
        register(check_totp)
        from accounts.deletion import on_user_delete  # noqa: PLC0415 -- it needs the apps loaded.
        from accounts.groups.services import groups_end_for_deletion  # noqa: PLC0415

        on_user_delete(groups_end_for_deletion)
        # The only moment after Django has made the permissions of new models; its own are made the same way.
        post_migrate.connect(_roles_follow, dispatch_uid="accounts.roles")


def _roles_follow(app_config: AppConfig, apps: Any = site_apps, **kwargs: Any) -> None:
    """Brings the roles in step with the permissions of the app that was migrated."""
    from accounts.staff.roles import ROLE_APPS, roles_sync  # noqa: PLC0415 -- it needs the apps loaded.

    if app_config.label not in ROLE_APPS:
        return
    try:
        apps.get_model("auth", "Permission")
        apps.get_model("accounts", "User")
    except LookupError:  # One app is migrated before these are.
        return
    roles_sync(app_label=app_config.label)

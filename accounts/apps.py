from django.apps import AppConfig
from django.core.checks import register

from accounts.checks import check_mail, check_totp


class AccountsConfig(AppConfig):
    name = "accounts"

    def ready(self) -> None:
        register(check_mail, deploy=True)
        register(check_totp)
        from accounts.deletion import on_user_delete  # noqa: PLC0415 -- it needs the apps loaded.
        from accounts.groups.services import groups_end_for_deletion  # noqa: PLC0415

        on_user_delete(groups_end_for_deletion)

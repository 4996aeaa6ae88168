from django.apps import AppConfig
from django.conf import settings
from django.contrib.admin import apps as admin_apps
from django.core.checks import register


class RecsysProjectConfig(AppConfig):
    name = "recsys_project"
    default = True

    def ready(self) -> None:
        from accounts.access_changes import on_access_change  # noqa: PLC0415
        from recsys_project.fast_path.access import access_changed  # noqa: PLC0415 -- it needs the settings.
        from recsys_project.ratelimits import check_rates  # noqa: PLC0415 -- it needs the apps loaded.

        if settings.OTEL_ENABLED:
            from recsys_project.tracing import start_tracing  # noqa: PLC0415 -- optional.

            start_tracing()
        register(check_rates)
        on_access_change(access_changed)


class AdminConfig(admin_apps.AdminConfig):
    """Django's admin, with the project's own site."""

    default = False
    default_site = "recsys_project.admin_site.AdminSite"

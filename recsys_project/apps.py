from django.apps import AppConfig
from django.core.checks import register


class RecsysProjectConfig(AppConfig):
    name = "recsys_project"

    def ready(self) -> None:
        from recsys_project.ratelimits import check_rates  # noqa: PLC0415 -- it needs the apps loaded.

        register(check_rates)

from django.apps import AppConfig
from django.core.checks import register


class RecommendationsConfig(AppConfig):
    name = "recommendations"

    def ready(self) -> None:
        from accounts.deletion import on_user_delete  # noqa: PLC0415 -- it needs the apps loaded.
        from recommendations.retrieval.config import check_serving_config  # noqa: PLC0415
        from recommendations.serving.deletion import remove_lists_on_commit  # noqa: PLC0415

        register(check_serving_config)
        on_user_delete(remove_lists_on_commit)

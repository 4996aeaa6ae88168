from django.apps import AppConfig


class RecommendationsConfig(AppConfig):
    name = "recommendations"

    def ready(self) -> None:
        from accounts.deletion import on_user_delete  # noqa: PLC0415 -- it needs the apps loaded.
        from recommendations.serving.user_lists import forget_user_on_commit  # noqa: PLC0415

        on_user_delete(forget_user_on_commit)

from django.apps import AppConfig
from django.core.checks import Tags, register


class RecommendationsConfig(AppConfig):
    name = "recommendations"

    def ready(self) -> None:
        from accounts.deletion import on_user_delete  # noqa: PLC0415 -- it needs the apps loaded.
        from accounts.privacy.cleaners import on_pause, on_taste_reset  # noqa: PLC0415
        from movies.merging.references import register as register_references  # noqa: PLC0415
        from recommendations.experiments.selectors import check_experiments  # noqa: PLC0415
        from recommendations.models.references import MOVIE_REFERENCES  # noqa: PLC0415
        from recommendations.retrieval.config import check_serving_config  # noqa: PLC0415
        from recommendations.retrieval.event_weights import check_event_weights  # noqa: PLC0415
        from recommendations.serving.deletion import (  # noqa: PLC0415
            forget_lists,
            remove_lists_on_commit,
            taste_delete,
        )
        from recommendations.training.settings_check import (  # noqa: PLC0415
            check_gate_settings,
            check_training_settings,
        )

        register(check_serving_config)
        register(check_event_weights)
        register(check_training_settings)
        register(check_gate_settings)
        register(check_experiments, Tags.database)
        register_references(*MOVIE_REFERENCES)
        on_user_delete(remove_lists_on_commit)
        on_taste_reset(taste_delete)
        on_pause(forget_lists)

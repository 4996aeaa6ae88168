from django.apps import AppConfig
from django.core.checks import register


class EventsConfig(AppConfig):
    name = "events"

    def ready(self) -> None:
        from accounts.deletion import on_user_delete  # noqa: PLC0415 -- it needs the apps loaded.
        from accounts.privacy.cleaners import on_taste_reset  # noqa: PLC0415
        from accounts.staff.support import on_support  # noqa: PLC0415
        from events.attribution.checks import check_attribution  # noqa: PLC0415
        from events.attribution.support import activity_section, lists_section  # noqa: PLC0415
        from events.list_invalidation import forget_user_on_commit  # noqa: PLC0415
        from events.merging import MOVIE_REFERENCES  # noqa: PLC0415
        from events.privacy import taste_delete  # noqa: PLC0415
        from events.served.checks import check_served_log  # noqa: PLC0415
        from movies.merging.references import register as register_references  # noqa: PLC0415

        register(check_attribution)
        register(check_served_log)
        register_references(*MOVIE_REFERENCES)
        on_taste_reset(taste_delete)
        on_user_delete(forget_user_on_commit)
        on_support(activity_section)
        on_support(lists_section)

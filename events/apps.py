from django.apps import AppConfig


class EventsConfig(AppConfig):
    name = "events"

    def ready(self) -> None:
        from accounts.deletion import on_user_delete  # noqa: PLC0415 -- it needs the apps loaded.
        from events.list_invalidation import forget_user_on_commit  # noqa: PLC0415

        on_user_delete(forget_user_on_commit)

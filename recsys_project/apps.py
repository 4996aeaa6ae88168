from django.apps import AppConfig


class RecsysProjectConfig(AppConfig):
    name = "recsys_project"

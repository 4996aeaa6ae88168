"""The WSGI entry point of the web process."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "recsys_project.settings.local")

application = get_wsgi_application()

from recommendations.retrieval.config import serving_config  # noqa: E402 -- after the settings are chosen.
from recsys_project.contract import contract  # noqa: E402 -- after the settings are chosen.

# Gunicorn runs no system checks: a setting that is wrong must not wait for the first request.
serving_config()
# The first request would import every view and read the schema. Nothing here may open a connection or start a thread:
# Gunicorn loads this once, before it forks its workers.
contract()

"""The WSGI entry point of the web process."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "recsys_project.settings.local")

application = get_wsgi_application()

from recommendations.retrieval.config import serving_config  # noqa: E402 -- after the settings are chosen.
from recsys_project.contract import contract  # noqa: E402 -- after the settings are chosen.

# Gunicorn runs no system checks, so this finds wrong settings before the first request.
serving_config()
# Imports all views and generates the schema before the first request. Nothing here may open a connection or start a
# thread, since Gunicorn loads this module before it forks its workers.
contract()

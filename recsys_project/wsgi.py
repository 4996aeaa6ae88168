"""The WSGI entry point of the web process."""

import os
from importlib import import_module

from django.conf import settings
from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "recsys_project.settings.local")

application = get_wsgi_application()

# The first request would import every view. Nothing here may open a connection or start a thread: Gunicorn loads this
# once, before it forks its workers.
import_module(settings.ROOT_URLCONF)

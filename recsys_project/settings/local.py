"""Settings for a single machine: embedded services, generated secrets under ``var/``, plain HTTP on loopback."""

import os

from recsys_project.local_secrets import local_secret
from recsys_project.settings.base import *  # noqa: F403 -- settings modules are made of their base.
from recsys_project.settings.base import SIMPLE_JWT
from recsys_project.settings.environment import VAR_DIR, env

DEBUG = env.bool("DEBUG", default=False)
_SECRETS_FILE = VAR_DIR / "secrets.json"
SECRET_KEY = os.environ.get("SECRET_KEY") or local_secret(_SECRETS_FILE, "SECRET_KEY")
JWT_SIGNING_KEY = os.environ.get("JWT_SIGNING_KEY") or local_secret(_SECRETS_FILE, "JWT_SIGNING_KEY")
SIMPLE_JWT["SIGNING_KEY"] = JWT_SIGNING_KEY
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=["localhost", "127.0.0.1", "[::1]"])
# A single machine has no mail server; accounts begin at once.
REGISTRATION = env.str("REGISTRATION", default="immediate")

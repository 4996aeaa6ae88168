"""One machine: the embedded services, a secret key kept under ``var/``, plain HTTP on loopback."""

from recsys_project.settings.base import *  # noqa: F403 -- settings modules are made of their base.
from recsys_project.settings.base import SIMPLE_JWT, env

DEBUG = env.bool("DEBUG", default=False)
SECRET_KEY = env.str("SECRET_KEY", default="local-only-secret-key-that-guards-nothing-of-value")
JWT_SIGNING_KEY = env.str("JWT_SIGNING_KEY", default="local-only-signing-key-that-guards-nothing-of-value")
SIMPLE_JWT["SIGNING_KEY"] = JWT_SIGNING_KEY
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=["localhost", "127.0.0.1", "[::1]"])

"""Settings of the test suite: the services of ``local`` and cheap password hashes."""

from recsys_project.settings.base import *  # noqa: F403 -- settings modules are made of their base.
from recsys_project.settings.base import DATABASES, SIMPLE_JWT

SECRET_KEY = "test-secret-key-used-by-the-test-suite-only-0123456789"  # noqa: S105 -- guards nothing.
JWT_SIGNING_KEY = "test-signing-key-used-by-the-test-suite-only-0123456789"
SIMPLE_JWT["SIGNING_KEY"] = JWT_SIGNING_KEY
ALLOWED_HOSTS = ["testserver", "localhost", "127.0.0.1"]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
# A pooled connection would block dropping the test database.
DATABASES["default"]["OPTIONS"].pop("pool", None)
# Tests of rate limits enable them.
RATELIMIT_ENABLE = False
REGISTRATION = "immediate"

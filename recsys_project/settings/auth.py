"""Users, passwords, sessions and tokens."""

import os
from datetime import timedelta

from recsys_project.settings.environment import env

# Read without django-environ, which treats a value that begins with $ as the name of another variable.
# Tokens have a signing key of their own, so that rotating one key does not invalidate what the other signs.
JWT_SIGNING_KEY = os.environ.get("JWT_SIGNING_KEY", "")
# During a rotation, the key before: it verifies, and signs nothing. Remove it after REFRESH_TOKEN_DAYS.
JWT_SIGNING_KEY_PREVIOUS = os.environ.get("JWT_SIGNING_KEY_PREVIOUS", "")
AUTH_USER_MODEL = "accounts.User"
SESSION_ENGINE = "accounts.sessions"
AUTHENTICATION_BACKENDS = ["recsys_project.ratelimits.LimitedLoginBackend"]
PASSWORD_HASHERS = ["accounts.hashers.BoundedArgon2PasswordHasher"]
# Concurrent password hashes per process; each takes 19 MiB and one core for about 20 ms.
PASSWORD_HASH_CONCURRENCY = env.int("PASSWORD_HASH_CONCURRENCY", default=2)
# The cost of a hash; OWASP's least for Argon2id.
PASSWORD_HASH_KIB = env.int("PASSWORD_HASH_KIB", default=19 * 1024)
PASSWORD_HASH_PASSES = env.int("PASSWORD_HASH_PASSES", default=2)
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]
SIMPLE_JWT = {
    "SIGNING_KEY": JWT_SIGNING_KEY,
    "ALGORITHM": "HS256",
    "ISSUER": "recsys",
    "AUDIENCE": "recsys-api",
    "ACCESS_TOKEN_LIFETIME": timedelta(minutes=env.int("ACCESS_TOKEN_MINUTES", default=5)),
    "REFRESH_TOKEN_LIFETIME": timedelta(days=env.int("REFRESH_TOKEN_DAYS", default=14)),
    # A version of the user ends tokens (accounts/tokens.py), not a derivative of the password's hash.
    "CHECK_REVOKE_TOKEN": False,
    "UPDATE_LAST_LOGIN": True,
}
# How long the refresh token that was used last gets the same answer again, for clients that lost it.
REFRESH_GRACE_SECONDS = env.int("REFRESH_GRACE_SECONDS", default=10)
# A file to which each erasure of a person is appended: a backup that is restored has lost the newest ones.
ERASURES_FILE = env.str("ERASURES_FILE", default="")
# Whether staff need a code of an authenticator app in the admin: off, optional (those who are enrolled), required.
ADMIN_TOTP = env.str("ADMIN_TOTP", default="off")
OTP_TOTP_ISSUER = "Movie recommender"
# Their admin pages are unregistered, too (accounts/admin.py).
OTP_ADMIN_HIDE_SENSITIVE_DATA = True

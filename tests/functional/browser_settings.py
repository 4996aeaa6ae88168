"""The settings of one machine with the cheap password hashes of the tests."""

from recsys_project.settings.local import *  # noqa: F403 -- settings modules are made of their base.

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]

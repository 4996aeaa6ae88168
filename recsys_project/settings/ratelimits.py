"""Rate limits by scope and route."""

from recsys_project.settings.environment import env

# The number of proxies in front of the site; only their entries in X-Forwarded-For are trusted.
TRUSTED_PROXIES = env.int("TRUSTED_PROXIES", default=0)
RATELIMIT_ENABLE = env.bool("RATELIMIT_ENABLE", default=True)
RATELIMIT_USE_CACHE = "ratelimit"
RATELIMIT_FAIL_OPEN = False  # Reports an unavailable cache, so that recsys_project.ratelimits decides by scope.
# A short window for bursts and a long one; "50/5s" is 50 requests in 5 seconds.
RATE_LIMITS: dict[str, list[str]] = {
    "anonymous": env.list("RATE_LIMIT_ANONYMOUS", default=["50/5s", "300/m"]),
    "user": env.list("RATE_LIMIT_USER", default=["50/5s", "600/m"]),
    "login_address": env.list("RATE_LIMIT_LOGIN_ADDRESS", default=["10/5s", "60/5m"]),
    "login_account": env.list("RATE_LIMIT_LOGIN_ACCOUNT", default=["5/10s", "20/5m"]),
    "refresh": env.list("RATE_LIMIT_REFRESH", default=["20/5s", "120/m"]),
    "register": env.list("RATE_LIMIT_REGISTER", default=["10/5s", "60/5m"]),
    # Each group list reveals something about what its members have seen, so the rate is low.
    "group": env.list("RATE_LIMIT_GROUP", default=["5/m", "30/h", "100/d"]),
    "group_address": env.list("RATE_LIMIT_GROUP_ADDRESS", default=["20/m", "120/h"]),
}
# The first entry that matches a request's method and route sets its scope. "api" counts by user or, without a token, as
# anonymous. Routes without a match are not limited.
RATE_LIMIT_ROUTES = [
    ("POST", "api/auth/token/", "login"),
    ("POST", "admin/login/", "login"),
    ("POST", "admin/password_change/", "password"),
    ("POST", "api/auth/refresh/", "refresh"),
    ("POST", "api/auth/register/", "register"),
    ("POST", "api/auth/password/reset/", "register"),
    ("POST", "accounts/", "register"),
    ("POST", "api/recommendations/group/", "group"),
    ("*", "api/", "api"),
]
# Without Redis these are refused, since passwords could be guessed without a limit; all others are allowed.
RATE_LIMIT_CLOSED_SCOPES = {"login", "password", "refresh", "register"}

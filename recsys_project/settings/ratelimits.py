"""Who may ask how often."""

from recsys_project.settings.environment import env

# How many proxies stand in front, each adding to X-Forwarded-For; that header is believed no further.
TRUSTED_PROXIES = env.int("TRUSTED_PROXIES", default=0)
RATELIMIT_ENABLE = env.bool("RATELIMIT_ENABLE", default=True)
RATELIMIT_USE_CACHE = "ratelimit"
RATELIMIT_FAIL_OPEN = False  # Read as "the cache is away"; recsys_project.ratelimits decides by scope.
# A short window for bursts and a long one; "50/5s" is 50 requests in 5 seconds.
RATE_LIMITS: dict[str, list[str]] = {
    "anonymous": env.list("RATE_LIMIT_ANONYMOUS", default=["50/5s", "300/m"]),
    "user": env.list("RATE_LIMIT_USER", default=["50/5s", "600/m"]),
    "login_address": env.list("RATE_LIMIT_LOGIN_ADDRESS", default=["10/5s", "60/5m"]),
    "login_account": env.list("RATE_LIMIT_LOGIN_ACCOUNT", default=["5/10s", "20/5m"]),
    "refresh": env.list("RATE_LIMIT_REFRESH", default=["20/5s", "120/m"]),
    "register": env.list("RATE_LIMIT_REGISTER", default=["10/5s", "60/5m"]),
    # Each list for a group shows what its members have not seen, so nobody gets many of them.
    "group": env.list("RATE_LIMIT_GROUP", default=["5/m", "30/h", "100/d"]),
    "group_address": env.list("RATE_LIMIT_GROUP_ADDRESS", default=["20/m", "120/h"]),
}
# The first line that fits a request's method and route names its scope; "api" means by user or, without a token, as
# anonymous. A route that no line fits is not limited.
RATE_LIMIT_ROUTES = [
    ("POST", "api/auth/token/", "login"),
    ("POST", "admin/login/", "login"),
    ("POST", "admin/password_change/", "password"),
    ("POST", "api/auth/refresh/", "refresh"),
    ("POST", "api/auth/register/", "register"),
    ("POST", "api/recommendations/group/", "group"),
    ("*", "api/", "api"),
]
# With Redis away these are refused, since guessing passwords would be free; everything else is let through.
RATE_LIMIT_CLOSED_SCOPES = {"login", "password", "refresh", "register"}

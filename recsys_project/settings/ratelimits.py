"""Rate limits by scope and route."""

from recsys_project.settings.environment import env

# The number of proxies in front of the site; only their entries in X-Forwarded-For are trusted.
TRUSTED_PROXIES = env.int("TRUSTED_PROXIES", default=0)
RATELIMIT_ENABLE = env.bool("RATELIMIT_ENABLE", default=True)
RATELIMIT_USE_CACHE = "ratelimit"
RATELIMIT_FAIL_OPEN = False  # Reports an unavailable cache, so that recsys_project.ratelimits decides by scope.
# "300/m:50" is a token bucket: 300 requests a minute, 50 of them at once. "30/h" is a window of django-ratelimit: 30
# requests in each hour, whenever they come. A limit may have several of both, and all of them hold.
RATE_LIMITS: dict[str, list[str]] = {
    "anonymous": env.list("RATE_LIMIT_ANONYMOUS", default=["300/m:50"]),
    "user": env.list("RATE_LIMIT_USER", default=["600/m:50"]),
    # An API key of a client application, unless the key has rates of its own.
    "client": env.list("RATE_LIMIT_CLIENT", default=["6000/m:500"]),
    "page": env.list("RATE_LIMIT_PAGE", default=["600/m:100"]),
    # Answered without Redis, so each process counts by itself.
    "probe": env.list("RATE_LIMIT_PROBE", default=["600/m:60"]),
    "login_address": env.list("RATE_LIMIT_LOGIN_ADDRESS", default=["60/5m:10"]),
    "login_account": env.list("RATE_LIMIT_LOGIN_ACCOUNT", default=["20/5m:5"]),
    "login_known": env.list("RATE_LIMIT_LOGIN_KNOWN", default=["60/5m:20"]),
    "login_total": env.list("RATE_LIMIT_LOGIN_TOTAL", default=["600/m:10"]),
    "refresh": env.list("RATE_LIMIT_REFRESH", default=["120/m:20"]),
    "register": env.list("RATE_LIMIT_REGISTER", default=["60/5m:10"]),
    "account": env.list("RATE_LIMIT_ACCOUNT", default=["60/5m:10"]),
    # Each group list reveals something about its members' taste, so the rate is low, and quotas for an hour
    # and a day come before an even flow.
    "group": env.list("RATE_LIMIT_GROUP", default=["5/m", "30/h", "100/d"]),
    # Everything stored of one person, which reads all their rows.
    "export": env.list("RATE_LIMIT_EXPORT", default=["10/h"]),
    "group_address": env.list("RATE_LIMIT_GROUP_ADDRESS", default=["20/m", "120/h"]),
}
# The first entry that matches a request's method and route sets its scope; where no route matches, the path counts as
# the route. "api" counts by user or, without a token, as anonymous.
RATE_LIMIT_ROUTES = [
    ("POST", "api/auth/token/", "login"),
    ("POST", "admin/login/", "login"),
    ("POST", "admin/password_change/", "password"),
    ("POST", "api/auth/refresh/", "refresh"),
    ("POST", "api/auth/register/", "register"),
    # Mails a link, as a registration does.
    ("POST", "api/auth/password/reset/", "register"),
    ("POST", "accounts/", "register"),
    # Signed-in people give their password.
    ("POST", "api/auth/password/", "password"),
    ("DELETE", "api/auth/me/", "password"),
    # No password is hashed.
    ("POST", "api/auth/logout", "api"),
    ("POST", "api/auth/me/", "api"),
    ("POST DELETE", "api/auth/", "account"),
    ("POST", "api/recommendations/group/", "group"),
    ("GET HEAD", "api/auth/me/export/", "export"),
    ("GET HEAD", "api/users/<path:external_id>/export/", "export"),
    ("*", "api/", "api"),
    ("*", "", "page"),
]
# Without Redis these are refused, since passwords could be guessed without a limit; all others are allowed.
RATE_LIMIT_CLOSED_SCOPES = {"login", "password", "refresh", "register", "account"}
# Requests of these scopes hash passwords. A process works on LOGIN_CONCURRENCY of them at once and refuses more with
# 503, so that its other threads always read.
LOGIN_SCOPES = {"login", "password", "register", "account"}
LOGIN_CONCURRENCY = env.int("LOGIN_CONCURRENCY", default=max(1, env.int("WEB_THREADS", default=4) // 2))
# How long a browser and an address count as known to an account after it signed in there.
KNOWN_DEVICE_DAYS = 180
KNOWN_ADDRESS_DAYS = 90

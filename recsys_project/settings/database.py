"""PostgreSQL: address, pool and time-outs."""

import os

from recsys_project.embedded import addresses
from recsys_project.service_urls import database_config
from recsys_project.settings.environment import env

DATABASE_URL = os.environ.get("DATABASE_URL") or addresses.database_url()
DATABASES = {"default": database_config("DATABASE_URL", DATABASE_URL)}
DATABASES["default"]["ENGINE"] = "recsys_project.postgresql"
DATABASES["default"].setdefault("OPTIONS", {})
DATABASES["default"]["OPTIONS"]["pool"] = {
    "min_size": 1,
    # One for each thread, and one for probes.
    "max_size": env.int("DATABASE_POOL_SIZE", default=env.int("WEB_THREADS", default=4) + 1),
    # Seconds a request waits for a connection; if the database is unavailable, the time until its 503.
    "timeout": env.int("DATABASE_POOL_TIMEOUT", default=5),
    # The pool doubles its wait between attempts to connect; after this many seconds it starts again with the next
    # request. By default it backs off for minutes, so that requests fail long after the database is available again.
    "reconnect_timeout": 2,
}
# Frequent statements are prepared once per connection. Poolers in transaction mode, like PgBouncer before 1.21, do not
# support that.
_prepare = env.bool("DATABASE_PREPARE", default=True)
DATABASES["default"]["OPTIONS"]["prepare_threshold"] = 1 if _prepare else None
# Nor cursors that outlive a transaction, with which long results are read in parts.
DATABASES["default"]["DISABLE_SERVER_SIDE_CURSORS"] = not _prepare
# The statement timeout; none by default, but recsys_project/gunicorn.py sets one for web requests.
if (seconds := env.int("DATABASE_STATEMENT_SECONDS", default=0)) > 0:
    given = DATABASES["default"]["OPTIONS"].get("options", "")
    DATABASES["default"]["OPTIONS"]["options"] = f"{given} -c statement_timeout={seconds}s".strip()
# The pool keeps connections open, so Django must not. The health check replaces dead ones.
DATABASES["default"]["CONN_MAX_AGE"] = 0
DATABASES["default"]["CONN_HEALTH_CHECKS"] = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

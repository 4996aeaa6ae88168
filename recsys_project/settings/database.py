"""PostgreSQL."""

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
    "max_size": env.int("DATABASE_POOL_SIZE", default=4),
    # Seconds a request waits for a connection; with the database away, the time until its 503.
    "timeout": env.int("DATABASE_POOL_TIMEOUT", default=5),
    # The pool tries again after twice as long each time; after so many seconds it begins anew with the next request.
    # By default it would go on for minutes, so that the answer stayed 503 long after the database was back.
    "reconnect_timeout": 2,
}
# Statements that most requests run are planned once a connection. A pooler that gives each transaction another one,
# like PgBouncer before 1.21, cannot have that.
DATABASES["default"]["OPTIONS"]["prepare_threshold"] = 1 if env.bool("DATABASE_PREPARE", default=True) else None
# A statement that takes longer is ended; by default none is, but Gunicorn's are (recsys_project/gunicorn.py).
if (seconds := env.int("DATABASE_STATEMENT_SECONDS", default=0)) > 0:
    given = DATABASES["default"]["OPTIONS"].get("options", "")
    DATABASES["default"]["OPTIONS"]["options"] = f"{given} -c statement_timeout={seconds}s".strip()
# The pool keeps connections, so Django must not; the health check spares requests a dead one.
DATABASES["default"]["CONN_MAX_AGE"] = 0
DATABASES["default"]["CONN_HEALTH_CHECKS"] = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

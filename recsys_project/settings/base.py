"""Settings shared by every purpose; each value that differs between machines comes from the environment."""

import os
from datetime import timedelta
from pathlib import Path

import environ

from recsys_project.embedded import addresses
from recsys_project.logging import configure_structlog, logging_config
from recsys_project.service_urls import broker_url, database_config, redis_urls

BASE_DIR = Path(__file__).resolve().parent.parent.parent
VAR_DIR = addresses.var_dir()

env = environ.Env()

# Secrets are read as they are: django-environ takes one that begins with $ for the name of another variable.
SECRET_KEY = os.environ.get("SECRET_KEY", "")
# Tokens are signed with a key of their own, so that rotating one does not end the other's sessions.
JWT_SIGNING_KEY = os.environ.get("JWT_SIGNING_KEY", "")
DEBUG = False
ALLOWED_HOSTS: list[str] = env.list("ALLOWED_HOSTS", default=[])
CSRF_TRUSTED_ORIGINS: list[str] = env.list("CSRF_TRUSTED_ORIGINS", default=[])

INSTALLED_APPS = [
    "recsys_project.apps.AdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "rest_framework",
    "django_filters",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "django_celery_beat",
    "django_prometheus",
    "django_structlog",
    "accounts",
    "movies",
    "events",
    "recommendations",
    "workers",
    "recsys_project",
]

MIDDLEWARE = [
    "recsys_project.middleware.RequestContextMiddleware",
    "django_prometheus.middleware.PrometheusBeforeMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "recsys_project.probes.ProbeMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "recsys_project.middleware.BodyLimitMiddleware",
    "recsys_project.body_charset.BodyCharsetMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "recsys_project.middleware.SlashMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "recsys_project.ratelimits.RateLimitMiddleware",
    "recsys_project.contract.ContractMiddleware",
    "django_prometheus.middleware.PrometheusAfterMiddleware",
]

ROOT_URLCONF = "recsys_project.urls"
WSGI_APPLICATION = "recsys_project.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

# --- Data stores -------------------------------------------------------------------------------------
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

_REDIS = redis_urls("REDIS_URL", os.environ.get("REDIS_URL") or addresses.redis_url())
REDIS_URL = _REDIS.cache
# A Redis that does not answer must not hold up the requests that can do without it: seconds until it is given up.
_REDIS_TIMEOUT = env.float("REDIS_TIMEOUT_SECONDS", default=0.3)
_REDIS_OPTIONS = {
    "SOCKET_CONNECT_TIMEOUT": _REDIS_TIMEOUT,
    "SOCKET_TIMEOUT": _REDIS_TIMEOUT,
    # After a restart of Redis no list is trusted that was kept before it; while it hangs, few calls wait for it.
    "CONNECTION_POOL_CLASS": "movies.caching.redis_pool.RestartDetectingPool",
}
CACHES = {
    "default": {
        "BACKEND": "django_redis.cache.RedisCache",
        "LOCATION": REDIS_URL,
        "KEY_PREFIX": "recsys",
        "OPTIONS": {**_REDIS_OPTIONS},
    },
    # Rate limits have an alias of their own: with Redis gone, reads are let through.
    "ratelimit": {
        "BACKEND": "recsys_project.ratelimit_cache.RatelimitCache",
        "LOCATION": REDIS_URL,
        "KEY_PREFIX": "ratelimit",
        "OPTIONS": {**_REDIS_OPTIONS, "IGNORE_EXCEPTIONS": True},
    },
}

# --- People and tokens -------------------------------------------------------------------------------
AUTH_USER_MODEL = "accounts.User"
SESSION_ENGINE = "accounts.sessions"
AUTHENTICATION_BACKENDS = ["recsys_project.ratelimits.LimitedLoginBackend"]
PASSWORD_HASHERS = ["accounts.hashers.BoundedArgon2PasswordHasher"]
# Passwords hashed at once in one process; each takes 19 MiB and one core for about 20 ms.
PASSWORD_HASH_CONCURRENCY = env.int("PASSWORD_HASH_CONCURRENCY", default=2)
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
    "ACCESS_TOKEN_LIFETIME": timedelta(minutes=env.int("ACCESS_TOKEN_MINUTES", default=30)),
    "REFRESH_TOKEN_LIFETIME": timedelta(days=env.int("REFRESH_TOKEN_DAYS", default=14)),
    "CHECK_REVOKE_TOKEN": True,
    "UPDATE_LAST_LOGIN": True,
}

# --- API ---------------------------------------------------------------------------------------------
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["accounts.authentication.AccessTokenAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["recsys_project.parsers.BoundedJSONParser"],
    "EXCEPTION_HANDLER": "recsys_project.exceptions.exception_handler",
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "DEFAULT_FILTER_BACKENDS": ["django_filters.rest_framework.DjangoFilterBackend"],
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Movie recommender",
    "DESCRIPTION": "Recommendations that answer to what a person just did.",
    "VERSION": "0.1.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "recsys_project.openapi.document_errors",
        "recsys_project.openapi.add_examples",
    ],
}
CSRF_FAILURE_VIEW = "recsys_project.exceptions.csrf_failure"
# The largest body of any request, in bytes; file uploads in the admin are not counted. The API's are smaller, below.
DATA_UPLOAD_MAX_MEMORY_SIZE = env.int("MAX_BODY_BYTES", default=1024 * 1024)
DATA_UPLOAD_MAX_NUMBER_FIELDS = 2000
# The first line that fits a request's path says how many bytes its body may have: about twice the longest that makes
# sense, since the time a request takes grows with it.
BODY_LIMIT_ROUTES = [
    ("/api/recommendations/session/", 64 * 1024),
    ("/api/recommendations/group/", 16 * 1024),
    ("/api/", 32 * 1024),
]

# --- Rate limits -------------------------------------------------------------------------------------
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

# --- Recommending ------------------------------------------------------------------------------------
# How much of a list's score comes from the nightly batch and how much from the newest interactions, for somebody who
# did nothing since the model was trained. The batch's weight falls as 1 / (1 + decay x newer interactions), down to a
# floor; a decay of 0 keeps it as it is.
BLEND_WEIGHTS = {
    "batch": env.float("BLEND_WEIGHT_BATCH", default=0.7),
    "realtime": env.float("BLEND_WEIGHT_REALTIME", default=0.3),
    "newer_decay": env.float("BLEND_NEWER_DECAY", default=2.0),
    "batch_floor": env.float("BLEND_BATCH_FLOOR", default=0.15),
    # What is popular weighs this against the newest signals of a person without a batch row, over 1 + positive signals.
    "popularity_prior": env.float("BLEND_POPULARITY_PRIOR", default=4.0),
}
# How much of a score a mood (free text) gives, 0 to 1.
MOOD_WEIGHT = env.float("MOOD_WEIGHT", default=0.5)
# Variety at the top of a list: 0 none, 1 nothing else; at most so many of one franchise or director among the first 10.
RERANKING = {
    "diversity": env.float("DIVERSITY", default=0.0),
    "group_cap": env.int("GROUP_CAP", default=3),
}
# How many of the first twenty of a list may be new movies, that is such as were added within so many days and nobody
# has rated. One is the tenth, where it costs least of what ten show and is still seen. 0 keeps lists without.
EXPLORATION_PLACES = env.int("EXPLORATION_PLACES", default=1)
EXPLORATION_DAYS = env.float("EXPLORATION_DAYS", default=30)
RECOMMENDATIONS_CACHE_SECONDS = env.int("RECOMMENDATIONS_CACHE_SECONDS", default=3600)
BATCH_LIST_SIZE = 100
# Trained encoders and models, one folder a model version.
MODEL_DIR = Path(env.str("MODEL_DIR", default="") or VAR_DIR / "models")
# What makes movies' content vectors: lsa, or minilm (requirements-optional.txt); the next training uses it.
EMBEDDING_ENCODER = env.str("EMBEDDING_ENCODER", default="lsa")
# The item-item model is a dense square of this side: 20,000 movies need 3.2 GB while it is fitted.
TRAINING_MAX_ITEMS = env.int("TRAINING_MAX_ITEMS", default=20_000)
# People whose likes are partly held out to measure each new model; 0 measures nothing.
TRAINING_EVALUATED_PEOPLE = env.int("TRAINING_EVALUATED_PEOPLE", default=1000)
# Whether each movie of a nightly list says what the person would give it: a minute of training for a million ratings.
TRAINING_RATING_PREDICTION = env.bool("TRAINING_RATING_PREDICTION", default=True)
# Above so many ratings a plain factorisation predicts them: 20 seconds for each ten million, and less accurate.
TRAINING_MAX_RATINGS = env.int("TRAINING_MAX_RATINGS", default=5_000_000)
# Versions of this many movies get indexes that find the nearest vectors; below, looking at all takes no longer.
VECTOR_INDEX_MIN_MOVIES = env.int("VECTOR_INDEX_MIN_MOVIES", default=3000)
# Threads of linear algebra; 0 is one for each core.
TRAINING_THREADS = env.int("TRAINING_THREADS", default=0)
# A nightly training that was made so many hours before the schedule's time, because it was late, counts for it.
TRAINING_NIGHTLY_HOURS = env.int("TRAINING_NIGHTLY_HOURS", default=12)
# How often a training (or weekly search) is begun whose process, database or disk fails: again at once, then after so
# many minutes, twice as many, and so on.
TRAINING_MAX_ATTEMPTS = env.int("TRAINING_MAX_ATTEMPTS", default=3)
TRAINING_RETRY_MINUTES = env.float("TRAINING_RETRY_MINUTES", default=5)
# A new version is refused if more than this share of the live one's interactions, people or movies is gone (1: never),
GATE_MAX_SHRINK = env.float("GATE_MAX_SHRINK", default=0.5)
# or if it ranks worse than popularity, where at least so many people were measured.
GATE_MIN_PEOPLE = env.int("GATE_MIN_PEOPLE", default=20)
# The weekly search for hyperparameters ends after so many trials or minutes.
TUNING_TRIALS = env.int("TUNING_TRIALS", default=40)
TUNING_MINUTES = env.float("TUNING_MINUTES", default=30)
# What is trending: votes of so many days against those before, of the newest such days that have so many votes by so
# many different people.
TRENDING_WINDOW_DAYS = env.float("TRENDING_WINDOW_DAYS", default=7)
TRENDING_MIN_VOTES = env.int("TRENDING_MIN_VOTES", default=20)
TRENDING_MIN_PEOPLE = env.int("TRENDING_MIN_PEOPLE", default=5)
TRENDING_CACHE_SECONDS = env.int("TRENDING_CACHE_SECONDS", default=300)
LATEST_CACHE_SECONDS = env.int("LATEST_CACHE_SECONDS", default=60)
POPULAR_CACHE_SECONDS = env.int("POPULAR_CACHE_SECONDS", default=60)
SIMILAR_CACHE_SECONDS = env.int("SIMILAR_CACHE_SECONDS", default=300)
GENRES_CACHE_SECONDS = env.int("GENRES_CACHE_SECONDS", default=300)
SEARCH_CACHE_SECONDS = env.int("SEARCH_CACHE_SECONDS", default=60)
POPULAR_LIST_SIZE = env.int("POPULAR_LIST_SIZE", default=200)
POPULAR_HALF_LIFE_DAYS = env.float("POPULAR_HALF_LIFE_DAYS", default=180)

# --- Celery ------------------------------------------------------------------------------------------
# Celery reads these variables itself, before its settings.
for _variable in ("CELERY_BROKER_URL", "CELERY_BROKER_READ_URL", "CELERY_BROKER_WRITE_URL"):
    if _given := os.environ.get(_variable):
        os.environ[_variable] = broker_url(_variable, _given)
CELERY_BROKER_URL = os.environ.get("CELERY_BROKER_URL") or _REDIS.broker
CELERY_TASK_IGNORE_RESULT = True
# A task is acknowledged when it ends, and handed back when its process is killed; workers/base.py caps how often.
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_TASK_TIME_LIMIT = env.int("TASK_TIME_LIMIT_SECONDS", default=3 * 3600)
CELERY_TASK_SOFT_TIME_LIMIT = CELERY_TASK_TIME_LIMIT - 60
CELERY_BROKER_TRANSPORT_OPTIONS = {
    # Above the hard limit, or a long training would be delivered a second time while it runs.
    "visibility_timeout": CELERY_TASK_TIME_LIMIT + 600,
    # How soon the task of a worker that was killed whole is noticed after that.
    "unacked_restore_interval": 10,
    "unacked_restore_throttle": 1,
    # A broker that hangs: beat's publishing fails after these seconds instead of waiting for ever, and is due again the
    # next time; a worker drops a connection that owes it an answer and asks over another.
    "socket_timeout": env.float("BROKER_TIMEOUT_SECONDS", default=5.0),
    "socket_connect_timeout": env.float("BROKER_TIMEOUT_SECONDS", default=5.0),
    "socket_keepalive": True,
    "health_check_interval": 10,
}
CELERY_TASK_DEFAULT_QUEUE = "default"
CELERY_TASK_ROUTES = {"workers.tasks.training.*": {"queue": "train"}}
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TASK_SERIALIZER = "json"
CELERY_BEAT_SCHEDULER = "workers.beat:Scheduler"
CELERY_TIMEZONE = "UTC"
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_WORKER_HIJACK_ROOT_LOGGER = False

# --- Logs and metrics --------------------------------------------------------------------------------
LOG_LEVEL = env.str("LOG_LEVEL", default="INFO").upper()
configure_structlog()
LOGGING = logging_config(LOG_LEVEL)
# Who sends it as "Authorization: Bearer …" may read /metrics; without one, only this machine may.
METRICS_TOKEN = os.environ.get("METRICS_TOKEN", "")

# --- The rest ----------------------------------------------------------------------------------------
LANGUAGE_CODE = "en-us"
TIME_ZONE = "UTC"
USE_I18N = True
USE_TZ = True
STATIC_URL = "static/"
STATIC_ROOT = VAR_DIR / "static"
PROMETHEUS_EXPORT_MIGRATIONS = False

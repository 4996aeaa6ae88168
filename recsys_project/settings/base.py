"""Gathers the settings of all topics. What differs between machines comes from the environment."""

import os

from recsys_project.settings.api import *  # noqa: F403
from recsys_project.settings.attribution import *  # noqa: F403
from recsys_project.settings.auth import *  # noqa: F403
from recsys_project.settings.availability import *  # noqa: F403
from recsys_project.settings.cache import *  # noqa: F403
from recsys_project.settings.celery import *  # noqa: F403
from recsys_project.settings.database import *  # noqa: F403
from recsys_project.settings.environment import BASE_DIR as BASE_DIR  # noqa: PLC0414 -- a setting too.
from recsys_project.settings.environment import VAR_DIR as VAR_DIR  # noqa: PLC0414 -- a setting too.
from recsys_project.settings.environment import env
from recsys_project.settings.mail import *  # noqa: F403
from recsys_project.settings.observability import *  # noqa: F403
from recsys_project.settings.ratelimits import *  # noqa: F403
from recsys_project.settings.recommending import *  # noqa: F403
from recsys_project.settings.security import *  # noqa: F403
from recsys_project.settings.served_log import *  # noqa: F403
from recsys_project.settings.staff import *  # noqa: F403

# Read without django-environ, which treats a value that begins with $ as the name of another variable.
SECRET_KEY = os.environ.get("SECRET_KEY", "")
DEBUG = False
ALLOWED_HOSTS: list[str] = env.list("ALLOWED_HOSTS", default=[])
CSRF_TRUSTED_ORIGINS: list[str] = env.list("CSRF_TRUSTED_ORIGINS", default=[])

INSTALLED_APPS = [
    # The look of the admin; its templates replace Django's.
    "unfold.apps.BasicAppConfig",
    "unfold.contrib.filters",
    "unfold.contrib.forms",
    "unfold.contrib.import_export",
    "recsys_project.apps.AdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "corsheaders",
    "csp",
    "rest_framework",
    "django_filters",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "django_celery_beat",
    "import_export",
    "django_structlog",
    # Before accounts, which takes their models out of the admin.
    "django_otp",
    "django_otp.plugins.otp_totp",
    "django_otp.plugins.otp_static",
    "accounts",
    "movies",
    "events",
    "recommendations",
    "workers",
    "recsys_project",
]

MIDDLEWARE = [
    "recsys_project.middleware.RequestContextMiddleware",
    "recsys_project.metrics.requests.RequestMetricsMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "csp.middleware.CSPMiddleware",
    "recsys_project.security_headers.SecurityHeadersMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    # Before whatever may refuse a request, so that a page of another site can read the refusal.
    "corsheaders.middleware.CorsMiddleware",
    "recsys_project.middleware.BodyLimitMiddleware",
    "recsys_project.probes.ProbeMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "recsys_project.body_charset.BodyCharsetMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "recsys_project.middleware.SlashMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django_otp.middleware.OTPMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "recsys_project.ratelimits.RateLimitMiddleware",
    "recsys_project.contract.ContractMiddleware",
    "recsys_project.fast_path.learning.LearningMiddleware",
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

LANGUAGE_CODE = "en-us"
TIME_ZONE = "UTC"
USE_I18N = True
USE_TZ = True
FORMAT_MODULE_PATH = ["recsys_project.formats"]
STATIC_URL = "static/"
STATIC_ROOT = VAR_DIR / "static"
# Files that replace those of installed packages: Alpine's build for a strict policy instead of the usual one.
STATICFILES_DIRS = [BASE_DIR / "recsys_project" / "static_overrides"]
# django-prometheus counts the database's statements, errors and connections (recsys_project.postgresql). Requests are
# recsys_project.metrics': the package's histograms by view and method are a thousand series here.
PROMETHEUS_LATENCY_BUCKETS = (0.001, 0.005, 0.025, 0.1, 0.5, 2.5)

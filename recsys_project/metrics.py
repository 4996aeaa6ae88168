"""``/metrics`` for Prometheus, and the counters of Celery tasks."""

import hmac
import os
from collections.abc import Iterable
from pathlib import Path

import structlog
from django.conf import settings
from django.db import Error
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.views.decorators.http import require_safe
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from accounts.authentication import bearer_credentials
from recommendations.vectors.artefacts import artefacts_problem
from recsys_project import multiprocess
from recsys_project.client_address import client_address
from recsys_project.exceptions import error_response
from recsys_project.health import live_version
from recsys_project.recommendation_metrics import RecommendationOutcomes
from recsys_project.served_log_metrics import ServedLogStream

logger = structlog.get_logger(__name__)

# Labels have few values: never a host, a user or a task's id.
TASKS = Counter("celery_tasks_total", "Celery tasks by name and final state.", ["task", "state"])
TASK_SECONDS = Histogram(
    "celery_task_duration_seconds",
    "How long Celery tasks ran.",
    ["task"],
    buckets=(0.01, 0.05, 0.1, 0.5, 1, 5, 15, 60, 300, 900, 3600),
)

# Headers with which proxies say that they pass a request on, and for whom.
_PROXY_HEADERS = (
    "HTTP_FORWARDED",
    "HTTP_VIA",
    "HTTP_X_FORWARDED_FOR",
    "HTTP_X_FORWARDED_HOST",
    "HTTP_X_FORWARDED_PORT",
    "HTTP_X_FORWARDED_PROTO",
    "HTTP_X_FORWARDED_PROTOCOL",
    "HTTP_X_FORWARDED_SERVER",
    "HTTP_X_FORWARDED_SSL",
    "HTTP_X_ORIGINAL_FORWARDED_FOR",
    "HTTP_X_REAL_IP",
    "HTTP_X_CLIENT_IP",
    "HTTP_X_CLUSTER_CLIENT_IP",
    "HTTP_X_ENVOY_EXTERNAL_ADDRESS",
    "HTTP_TRUE_CLIENT_IP",
    "HTTP_CF_CONNECTING_IP",
    "HTTP_FASTLY_CLIENT_IP",
    "HTTP_CLIENT_IP",
)


class _ModelFiles(Collector):
    """Whether this machine can read the live version's files, checked by the process that is scraped.

    Missing without a live version or while the database is unavailable.
    """

    def collect(self) -> Iterable[Metric]:
        try:
            version = live_version()
        except Error as error:
            logger.warning("model_files_not_checked", reason=type(error).__name__)
            return
        if version is not None:
            readable = not artefacts_problem(version=version)
            text = "Whether this machine can read the live model's files: 1 or 0."
            yield GaugeMetricFamily("recsys_model_artefacts_readable", text, value=float(readable))


# A registry of its own, so that no other scrape queries the database or Redis.
_MACHINE = CollectorRegistry()
_MACHINE.register(_ModelFiles())
_MACHINE.register(ServedLogStream())
_MACHINE.register(RecommendationOutcomes())


class _AllProcesses(Collector):
    """Sums the metrics of all processes on this machine, web and worker."""

    def collect(self) -> Iterable[Metric]:
        folder = Path(os.environ[multiprocess.VARIABLE])
        yield from MultiProcessCollector.merge(multiprocess.all_files(folder), accumulate=True)


@require_safe
def metrics(request: HttpRequest) -> HttpResponseBase:
    """All metrics in Prometheus' text format. Requires METRICS_TOKEN or, if that is unset, a loopback address."""
    refusal = _refusal(request)
    if refusal is not None:
        return refusal
    registry = REGISTRY
    if os.environ.get(multiprocess.VARIABLE):
        registry = CollectorRegistry()
        registry.register(_AllProcesses())
    return HttpResponse(generate_latest(registry) + generate_latest(_MACHINE), content_type=CONTENT_TYPE_LATEST)


def _refusal(request: HttpRequest) -> HttpResponseBase | None:
    if settings.METRICS_TOKEN:
        given = bearer_credentials(request) or ""
        if hmac.compare_digest(given.encode(), settings.METRICS_TOKEN.encode()):
            return None
        response = error_response(request, 401, message="Send the metrics token as Authorization: Bearer.")
        response["WWW-Authenticate"] = 'Bearer realm="metrics"'
        return response
    address = client_address(request)
    if address is not None and address.is_loopback and not _hides_the_client(request):
        return None
    return error_response(request, 403, message="Metrics are for this machine only, until METRICS_TOKEN is set.")


def _hides_the_client(request: HttpRequest) -> bool:
    """Whether the request came through a proxy that does not tell the client's address as the settings expect.

    Behind a proxy on this machine all clients look like loopback; any header that proxies add reveals it.
    """
    if not any(header in request.META for header in _PROXY_HEADERS):
        return False
    told = [part for part in request.META.get("HTTP_X_FORWARDED_FOR", "").split(",") if part.strip()]
    return not 0 < settings.TRUSTED_PROXIES <= len(told)

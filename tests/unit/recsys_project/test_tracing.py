"""Traces of requests, tasks, SQL and Redis, with an exporter in memory. In processes of their own: tracing stays on."""

import importlib.util
import json
import os
import subprocess
import sys

import pytest
from django.conf import settings

from tests.functional.web_server import running_database_url

NEEDED = ("sdk", "instrumentation.django", "instrumentation.celery", "instrumentation.psycopg", "instrumentation.redis")
PROGRAM = """
import json, django
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from recsys_project.celery import app
from recsys_project.tracing import start_tracing
django.setup()
exporter = InMemorySpanExporter()
start_tracing(SimpleSpanProcessor(exporter))
from django.core.cache import cache
from django.db import connection
from django.test import Client

@app.task(name="look")
def look():
    with connection.cursor() as cursor:
        cursor.execute("SELECT %s AS secret", ["hunter2"])
    cache.set("hunter2", "hunter2", 1)

client = Client(HTTP_HOST="localhost")
assert client.get("/health/live", HTTP_HOST="unheard-of.example").status_code == 200
assert client.get("/api/movies/", HTTP_TRACEPARENT=f"00-{'a' * 32}-{'b' * 16}-01").status_code == 200
look.apply()
print(json.dumps([
    {"name": span.name, "id": span.context.span_id, "parent": span.parent and span.parent.span_id,
     "trace": f"{span.context.trace_id:032x}", "attributes": dict(span.attributes),
     "service": span.resource.attributes["service.name"]}
    for span in exporter.get_finished_spans()
]))
"""


def run(program: str, **environment: str) -> subprocess.CompletedProcess[str]:
    given = {"DJANGO_SETTINGS_MODULE": "recsys_project.settings.local"}
    return subprocess.run(
        [sys.executable, "-c", program],
        cwd=settings.BASE_DIR,
        env=os.environ | given | environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def is_installed() -> bool:
    try:
        return all(importlib.util.find_spec(f"opentelemetry.{name}") for name in NEEDED)
    except ModuleNotFoundError:
        return False


@pytest.mark.skipif(not is_installed(), reason="The OpenTelemetry packages of requirements-tracing.txt are missing.")
@pytest.mark.django_db
def test_requests_tasks_sql_and_redis_are_traced():
    ended = run(PROGRAM, OTEL_SERVICE_NAME="films", DATABASE_URL=running_database_url())

    assert ended.returncode == 0, ended.stderr
    spans = json.loads(ended.stdout)
    names = {span["id"]: span["name"] for span in spans}
    # Probes have none.
    (request,) = [span for span in spans if span["attributes"].get("http.method")]
    assert (request["name"], request["trace"]) == ("GET api/movies/", "a" * 32)
    (task,) = [span for span in spans if span["name"] == "run/look"]
    below = {span["attributes"].get("db.system") for span in spans if span["parent"] == request["id"]}
    assert below >= {"postgresql", "redis"}
    (statement,) = [span for span in spans if span["attributes"].get("db.statement") == "SELECT %s AS secret"]
    assert names[statement["parent"]] == "run/look"
    assert "SET" in {span["name"] for span in spans if span["parent"] == task["id"]}
    assert {span["service"] for span in spans} == {"films"}
    assert "hunter2" not in ended.stdout


@pytest.mark.parametrize("enabled", [True, False])
def test_missing_packages_matter_only_where_traces_are_on(enabled: bool):
    hidden = "import sys; sys.modules['opentelemetry'] = None; import django; django.setup()"

    ended = run(hidden, OTEL_ENABLED=str(enabled))

    assert ("OTEL_ENABLED needs the packages of requirements-tracing.txt" in ended.stderr) is enabled
    assert (ended.returncode != 0) is enabled

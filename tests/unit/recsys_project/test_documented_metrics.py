"""docs/operations.md has every metric, as the source defines it."""

import pytest
from django.conf import settings
from django.test import Client
from prometheus_client.parser import text_string_to_metric_families

from recsys_project.metrics.table import BEGIN, END, described_metrics, table


def test_the_table_is_that_of_the_source():
    document = (settings.BASE_DIR / "docs" / "operations.md").read_text()

    found = document.partition(BEGIN)[2].partition(END)[0].strip()

    assert found == table(), "Run python -m recsys_project.metrics.table."


@pytest.mark.django_db
def test_no_metric_on_the_page_is_missing():
    text = Client().get("/metrics", REMOTE_ADDR="127.0.0.1").content.decode()
    described = {metric.name for metric in described_metrics()}
    # The client's own, of the process that runs the tests; not there where files are merged.
    own = ("python_", "process_")

    for family in text_string_to_metric_families(text):
        # django-prometheus defines families that nothing counts in.
        if not family.samples:
            continue
        name = f"{family.name}_total" if family.type == "counter" else family.name
        assert name in described or family.name.startswith(own) or family.name.endswith("_created"), name
    assert len(described) > 50


def test_names_follow_prometheus_conventions():
    for metric in described_metrics():
        assert metric.name.startswith(("recsys_", "process_", "django_db_"))
        assert metric.name.endswith("_total") == (metric.kind == "counter")
        if metric.kind == "histogram":
            assert metric.name.endswith("_seconds")
        assert metric.text.endswith(".")
        # Nothing by person, request, address or host.
        assert not {"user", "user_id", "path", "host", "instance", "id"} & set(metric.labels)

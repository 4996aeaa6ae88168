"""The rules of deploy/prometheus are right by Prometheus' own tools, and each alert says what to do."""

import re
import subprocess

import pytest
import yaml

from deploy.grafana.queries import boards, panels_of
from recsys_project.embedded.addresses import PROJECT_DIR
from recsys_project.metrics.table import described_metrics
from tests.functional.prometheus import CONFIGURATION, PROMTOOL, configure, needs_prometheus

RULES = sorted((CONFIGURATION / "rules").glob("*.yml"))
TESTS = sorted((CONFIGURATION / "tests").glob("*.yml"))
NAME = re.compile(r"\b(?:recsys|process|django_db)[_:][a-z0-9_:]+")
OF_HISTOGRAMS = ("_bucket", "_count", "_sum")


def rules():
    groups = [group for file in RULES for group in yaml.safe_load(file.read_text())["groups"]]
    return [rule for group in groups for rule in group["rules"]]


def alerts():
    return {rule["alert"]: rule for rule in rules() if "alert" in rule}


def promtool(*arguments):
    return subprocess.run([PROMTOOL, *map(str, arguments)], capture_output=True, text=True, check=False, timeout=60)


@needs_prometheus
def test_promtool_accepts_the_configuration(tmp_path):
    done = promtool("check", "config", configure(tmp_path, token="a token", replaced={}))

    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{len(RULES)} rule files found" in done.stdout


@needs_prometheus
@pytest.mark.parametrize("file", TESTS, ids=lambda file: file.stem)
def test_rules_do_as_their_tests_say(file):
    done = promtool("test", "rules", file)

    assert done.returncode == 0, done.stdout + done.stderr


def test_each_alert_is_tested_with_and_without_its_cause():
    fires, stays = set(), set()
    for file in TESTS:
        for case in yaml.safe_load(file.read_text())["tests"]:
            for one in case.get("alert_rule_test", ()):
                (fires if one["exp_alerts"] else stays).add(one["alertname"])

    assert fires == stays == alerts().keys()


def test_each_alert_has_its_paragraph_and_each_paragraph_its_alert():
    document = (PROJECT_DIR / "docs" / "operations.md").read_text()
    section = re.search(r"^## Alerts$(.*?)^## ", document, re.MULTILINE | re.DOTALL)
    assert section is not None
    paragraphs = dict(re.findall(r"^#### (\w+)\n(.+?)\n\n", section[1], re.MULTILINE | re.DOTALL))

    assert paragraphs.keys() == alerts().keys()
    assert min(map(len, paragraphs.values())) > 60


def test_an_alert_says_what_is_wrong_and_where_to_read_on():
    for name, rule in alerts().items():
        assert rule["annotations"]["runbook"] == f"docs/operations.md#{name.lower()}"
        assert rule["annotations"]["summary"].endswith(".")
        assert rule["labels"]["severity"] in {"page", "ticket"}


def test_expressions_name_metrics_that_exist():
    recorded = {rule["record"] for rule in rules() if "record" in rule}
    counted = {metric.name for metric in described_metrics()}
    counted |= {
        metric.name + end for metric in described_metrics() if metric.kind == "histogram" for end in OF_HISTOGRAMS
    }
    asked = [rule["expr"] for rule in rules()]
    asked += [
        target["expr"] for board in boards().values() for panel in panels_of(board) for target in panel["targets"]
    ]

    named = {name for expr in asked for name in NAME.findall(expr)}

    assert named - counted == recorded


def test_every_web_server_of_the_example_is_scraped_once():
    jobs = yaml.safe_load((CONFIGURATION / "prometheus.yml").read_text())["scrape_configs"]
    targets = {job["job_name"]: [one for group in job["static_configs"] for one in group["targets"]] for job in jobs}

    assert targets == {"recsys": ["127.0.0.1:8001"], "recsys-web": ["127.0.0.1:8002"]}
    assert [job.get("params") for job in jobs] == [None, {"only": ["web"]}]

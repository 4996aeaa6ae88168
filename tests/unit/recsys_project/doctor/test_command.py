"""The doctor's report and its exit status."""

import json
import os
import subprocess
import sys
from io import StringIO
from typing import Any

import pytest
from django.conf import settings
from django.core.management import call_command

from recsys_project.doctor import examination
from recsys_project.doctor.examination import CHECKS, examine, exit_status
from recsys_project.doctor.findings import Check, Finding, Level

OK, WARNING = Finding("disk", Level.OK, "There is room."), Finding("redis", Level.WARNING, "It is slow.", "Move it.")
PROBLEM = Finding("database", Level.PROBLEM, "It is down.", "Start it.")


def run(monkeypatch: pytest.MonkeyPatch, findings: list[Finding], *options: str) -> tuple[int, str]:
    """The exit status and the output of the command, had the checks found this."""
    monkeypatch.setattr("recsys_project.management.commands.doctor.examine", lambda: iter(findings))
    output = StringIO()
    with pytest.raises(SystemExit) as ended:
        call_command("doctor", *options, stdout=output)
    return int(ended.value.code or 0), output.getvalue()


@pytest.mark.parametrize(
    ("findings", "status", "last"),
    [
        ([OK], 0, "Nothing is wrong in 1 checks."),
        ([OK, WARNING], 1, "0 problems, 1 warning."),
        ([OK, WARNING, PROBLEM], 2, "1 problem, 1 warning."),
    ],
)
def test_the_exit_status_is_that_of_the_worst_finding(monkeypatch, findings, status, last):
    ended, output = run(monkeypatch, findings)

    assert (ended, output.splitlines()[-1]) == (status, last)


def test_each_finding_says_what_to_do(monkeypatch):
    _, output = run(monkeypatch, [OK, PROBLEM])

    assert output.splitlines()[0] == "ok       disk            There is room."
    assert output.splitlines()[1] == "PROBLEM  database        It is down."
    assert output.splitlines()[2].strip() == "-> Start it."


def test_quiet_prints_nothing_where_nothing_is_wrong(monkeypatch):
    assert run(monkeypatch, [OK], "--quiet") == (0, "")
    _, output = run(monkeypatch, [OK, WARNING], "--quiet")
    assert "There is room" not in output
    assert "It is slow" in output


def test_json_has_all_findings_and_the_status(monkeypatch):
    ended, output = run(monkeypatch, [OK, PROBLEM], "--json", "--quiet")

    assert ended == 2
    assert json.loads(output) == {
        "status": "problem",
        "findings": [
            {"check": "disk", "level": "ok", "message": "There is room.", "advice": ""},
            {"check": "database", "level": "problem", "message": "It is down.", "advice": "Start it."},
        ],
    }


def test_a_check_that_fails_stops_no_other():
    def broken() -> Any:
        raise ZeroDivisionError("hunter2")

    findings = list(examine([Check("one", broken), Check("two", lambda: [OK])]))

    assert [(finding.check, finding.level) for finding in findings] == [("one", Level.PROBLEM), ("disk", Level.OK)]
    assert "ZeroDivisionError" in findings[0].message
    assert "hunter2" not in findings[0].message


def test_what_a_broken_check_is_needed_for_is_not_run():
    ran = []

    def note() -> list[Finding]:
        ran.append(True)
        return [OK]

    checks = [Check("database", lambda: [PROBLEM]), Check("model", note, ("database",)), Check("x", note, ("model",))]
    findings = list(examine(checks))

    assert ran == []
    assert [finding.level for finding in findings] == [Level.PROBLEM, Level.UNKNOWN, Level.UNKNOWN]
    assert findings[1].message == "Not checked: fix database first."
    assert exit_status(findings) == 2


def test_a_problem_that_can_be_used_stops_no_other_check():
    evicting = Finding("broker", Level.PROBLEM, "It may evict tasks.", "Set its policy.", usable=True)

    findings = list(examine([Check("broker", lambda: [evicting]), Check("queues", lambda: [OK], ("broker",))]))

    assert findings == [evicting, OK]
    assert exit_status(findings) == 2


def test_checks_need_only_earlier_checks():
    names: list[str] = []
    for check in CHECKS:
        assert set(check.needs) <= set(names)
        names.append(check.name)
    assert len(set(names)) == len(names) == len(examination.CHECKS)


def doctor(**environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "manage.py", "doctor", "--json"],
        cwd=settings.BASE_DIR,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_without_services_the_doctor_still_reports():
    ended = doctor(
        DJANGO_SETTINGS_MODULE="recsys_project.settings.local",
        DATABASE_URL="postgresql://reader:hunter2@127.0.0.1:1/films",
        REDIS_URL="redis://:hunter2@127.0.0.1:1/0",
        DATABASE_POOL_TIMEOUT="1",
    )

    found = {one["check"]: one for one in json.loads(ended.stdout)["findings"]}
    assert ended.returncode == 2
    assert set(found) == {check.name for check in CHECKS}
    assert {name for name, one in found.items() if one["level"] == "problem"} == {"database", "redis", "broker"}
    assert "onnection refused" in found["database"]["message"]
    assert found["model"]["message"] == "Not checked: fix database and migrations first."
    assert "hunter2" not in ended.stdout + ended.stderr


def test_settings_that_do_not_load_are_a_finding():
    ended = doctor(DJANGO_SETTINGS_MODULE="recsys_project.settings.production", SECRET_KEY="")

    (finding,) = json.loads(ended.stdout)["findings"]
    assert ended.returncode == 2
    assert (finding["check"], finding["level"]) == ("configuration", "problem")
    assert "SECRET_KEY" in finding["message"]

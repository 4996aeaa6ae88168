"""One demo a checkout."""

import json
import subprocess
import sys

import pytest

from recsys_project.demo.processes import only_demo, site_environment, stop_running
from recsys_project.demo.steps import DemoError
from recsys_project.embedded.addresses import PROJECT_DIR

_HOLDER = """
import pathlib, sys, time
from recsys_project.demo.processes import only_demo
with only_demo(pathlib.Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


def test_a_second_demo_is_refused_until_the_first_one_is_stopped(tmp_path):
    lock = tmp_path / "demo.lock"
    command = [sys.executable, "-c", _HOLDER, str(lock)]
    with subprocess.Popen(command, cwd=PROJECT_DIR, stdout=subprocess.PIPE, text=True) as first:
        assert first.stdout.readline() == "held\n"
        with pytest.raises(DemoError, match=r"bin/stop"), only_demo(lock):
            pass

        assert stop_running(lock)
        assert first.wait(10) != 0
    with only_demo(lock):
        assert "demo" in json.loads(lock.read_text())


def test_stopping_without_a_demo_touches_no_process(tmp_path):
    lock = tmp_path / "demo.lock"
    with subprocess.Popen(["sleep", "60"]) as bystander:
        # What a demo that ended long ago left behind, its number now somebody else's.
        lock.write_text(json.dumps({"demo": bystander.pid}))
        try:
            assert not stop_running(lock)
            assert bystander.poll() is None
        finally:
            bystander.kill()


def test_links_in_mails_lead_to_the_port_of_the_demo(monkeypatch):
    monkeypatch.delenv("SITE_URL", raising=False)
    assert site_environment("http://127.0.0.1:8123", 8123)["SITE_URL"] == "http://127.0.0.1:8123"

    monkeypatch.setenv("SITE_URL", "https://films.example")
    assert site_environment("http://127.0.0.1:8123", 8123)["SITE_URL"] == "https://films.example"

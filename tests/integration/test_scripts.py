"""The scripts in bin/, run in a copy of the checkout in which nothing is installed: what they must say at once."""

import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from recsys_project.demo.arguments import PortError, choose_port
from recsys_project.embedded.addresses import PROJECT_DIR

SCRIPTS = ("backup", "demo", "faults", "manage", "restore", "stop", "test")


@pytest.fixture
def checkout(tmp_path):
    """What the scripts need before there is an environment."""
    for name in ("bin", "recsys_project/demo"):
        shutil.copytree(PROJECT_DIR / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path


def run(checkout, script, *arguments):
    environment = {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run(
        [checkout / "bin" / script, *arguments],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def files(checkout):
    return sorted(str(path) for path in checkout.rglob("*"))


@pytest.mark.parametrize("script", SCRIPTS)
@pytest.mark.parametrize("option", ["--help", "-h"])
def test_help_is_given_at_once_and_changes_nothing(checkout, script, option):
    before = files(checkout)

    done = run(checkout, script, option)

    assert (done.returncode, done.stderr) == (0, "")
    assert f"./bin/{script}" in done.stdout
    assert files(checkout) == before


@pytest.mark.parametrize(
    ("script", "argument", "message"),
    [
        ("stop", "--hlep", "nothing was stopped"),
        ("stop", "now", "nothing was stopped"),
        ("demo", "--prot", "unrecognized arguments"),
        ("demo", "--por", "unrecognized arguments"),
        ("demo", "--port=0", "no port from 1 to 65535"),
        ("demo", "--port=http", "no port from 1 to 65535"),
    ],
)
def test_an_unknown_argument_is_refused_and_changes_nothing(checkout, script, argument, message):
    before = files(checkout)

    done = run(checkout, script, argument)

    assert done.returncode == 2
    assert message in done.stderr
    assert files(checkout) == before


@pytest.mark.parametrize(("family", "host"), [(socket.AF_INET, "127.0.0.1"), (socket.AF_INET, "0.0.0.0")])
def test_a_port_in_use_is_said_before_anything_is_installed(checkout, family, host):
    before = files(checkout)
    with socket.socket(family) as taken:
        taken.bind((host, 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = run(checkout, "demo", "--port", str(port))

    assert done.returncode == 1
    assert done.stderr.startswith(f"Port {port} is taken")
    assert f"process {os.getpid()} (" in done.stderr
    assert "--port N" in done.stderr
    assert files(checkout) == before


@pytest.mark.parametrize("option", ["--data", "--metadata"])
def test_a_missing_file_is_said_before_anything_is_installed(checkout, option):
    before = files(checkout)
    missing = checkout / "ml-lastest.zip"

    done = run(checkout, "demo", option, str(missing))

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"{option} {missing}: there is no such file or folder.\n"
    assert files(checkout) == before


def test_stop_installs_nothing_where_nothing_was_started(checkout):
    before = files(checkout)

    done = run(checkout, "stop")

    assert (done.returncode, done.stderr, done.stdout) == (0, "", "Nothing runs in this checkout.\n")
    assert files(checkout) == before


def test_a_port_in_use_is_passed_over_where_none_was_asked_for():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]

        with pytest.raises(PortError, match=f"Port {port} is taken"):
            choose_port(port)
        assert choose_port(None) != port

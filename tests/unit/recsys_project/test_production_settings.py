"""Production must not start half configured, and must say what is missing."""

import os
import subprocess
import sys

import pytest

from recsys_project.embedded.addresses import PROJECT_DIR

COMPLETE = {
    "SECRET_KEY": "s" * 50,
    "JWT_SIGNING_KEY": "j" * 32,
    "ALLOWED_HOSTS": "recsys.example.com",
    "DATABASE_URL": "postgresql://recsys:secret@db.example.com:5432/recsys",
    "REDIS_URL": "redis://redis.example.com:6379/0",
}


def start(environment):
    """Import the production settings in a process with exactly this environment."""
    return subprocess.run(
        [sys.executable, "-c", "import recsys_project.settings.production as p; print(p.SECURE_HSTS_SECONDS)"],
        cwd=PROJECT_DIR,
        env={"PATH": os.environ["PATH"], **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def test_complete_settings_start():
    done = start(COMPLETE)

    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 0


@pytest.mark.parametrize("missing", sorted(COMPLETE))
def test_each_missing_setting_stops_the_start_and_is_named(missing):
    done = start({name: value for name, value in COMPLETE.items() if name != missing})

    assert done.returncode != 0
    assert f"{missing}: set it to" in done.stderr
    others = set(COMPLETE) - {missing}
    assert not [name for name in others if f"{name}: " in done.stderr]


def test_all_missing_settings_are_named_at_once():
    done = start({})

    assert all(f"{name}: set it to" in done.stderr for name in COMPLETE)


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("JWT_SIGNING_KEY", "j" * 31, "32 bytes or more"),
        ("SECRET_KEY", "s" * 49, "50 or more"),
        ("SECRET_KEY", "", "50 or more"),
    ],
)
def test_a_weak_key_stops_the_start(name, value, reason):
    done = start(COMPLETE | {name: value})

    assert done.returncode != 0
    assert name in done.stderr
    assert reason in done.stderr


def test_one_key_for_both_purposes_stops_the_start():
    done = start(COMPLETE | {"JWT_SIGNING_KEY": COMPLETE["SECRET_KEY"]})

    assert done.returncode != 0
    assert "must differ from SECRET_KEY" in done.stderr


def test_the_message_holds_no_secrets():
    done = start(COMPLETE | {"ALLOWED_HOSTS": ""})

    assert done.returncode != 0
    assert COMPLETE["SECRET_KEY"] not in done.stderr
    assert "secret@" not in done.stderr

"""The units of systemd are read by systemd's own tools, and run the commands of the Procfile."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from recsys_project.embedded.addresses import PROJECT_DIR

UNITS = PROJECT_DIR / "deploy" / "systemd"
ANALYZE = shutil.which("systemd-analyze")
# Of 100: exposed to much less than a unit without any restriction, which has 96.
MAX_EXPOSURE = 20
SERVICES = sorted(path.name for path in UNITS.glob("*.service"))
INSTANCES = {"recsys-web@.service": "8001", "recsys-worker@.service": "1"}
needs_analyze = pytest.mark.skipif(ANALYZE is None, reason="systemd-analyze is not installed (Debian: systemd)")


@pytest.fixture
def units(tmp_path):
    """A copy in which programs are those of this environment, and each template is one instance."""
    folder = tmp_path / "units"
    shutil.copytree(UNITS, folder)
    bin_folder = str(Path(sys.executable).parent)
    for unit in folder.glob("*.service"):
        unit.write_text(unit.read_text().replace("/opt/recsys/.venv/bin", bin_folder))
    return folder


def analyze(*arguments):
    return subprocess.run([ANALYZE, *map(str, arguments)], capture_output=True, text=True, check=False, timeout=60)


def instance(name):
    return name.replace("@.", f"@{INSTANCES.get(name)}.")


def commands(unit):
    return re.findall(r"^ExecStart=(.+)$", (UNITS / unit).read_text(), re.MULTILINE)


@needs_analyze
def test_systemd_reads_every_unit_without_complaint(units):
    names = [
        units / instance(path.name) for path in units.iterdir() if path.suffix in {".service", ".timer", ".target"}
    ]

    done = analyze("verify", "--man=no", "--generators=no", "--recursive-errors=no", *names)

    assert done.returncode == 0, done.stderr
    assert [line for line in done.stderr.splitlines() if "recsys" in line] == []


@needs_analyze
@pytest.mark.parametrize("name", SERVICES)
def test_a_unit_is_exposed_to_little(units, name):
    done = analyze("security", "--offline=true", f"--threshold={MAX_EXPOSURE}", "--no-pager", units / instance(name))

    assert done.returncode == 0, done.stdout[-200:] + done.stderr


def test_each_process_of_the_procfile_has_a_unit():
    procfile = dict(line.split(": ", 1) for line in (PROJECT_DIR / "Procfile").read_text().splitlines())
    of_units = {
        "web": commands("recsys-web@.service"),
        "worker": [one.replace("worker-%i@%%h", "worker@%h") for one in commands("recsys-worker@.service")],
        "trainer": [one.replace("%%h", "%h") for one in commands("recsys-trainer.service")],
        "beat": commands("recsys-beat.service"),
    }

    assert {name: [f"/opt/recsys/.venv/bin/{command}"] for name, command in procfile.items()} == of_units


def test_the_example_names_what_production_needs(monkeypatch):
    lines = (UNITS / "recsys.env.example").read_text().splitlines()
    given = dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))
    documented = (PROJECT_DIR / "docs" / "settings.md").read_text()

    assert {"SECRET_KEY", "JWT_SIGNING_KEY", "ALLOWED_HOSTS", "DATABASE_URL", "REDIS_URL"} <= given.keys()
    assert [name for name in given if f"`{name}`" not in documented and name != "DJANGO_SETTINGS_MODULE"] == []
    # Nobody may run with a secret that everybody can read here.
    assert {given["SECRET_KEY"], given["JWT_SIGNING_KEY"], given["METRICS_TOKEN"]} == {""}

"""The container files run the processes of the Procfile, with few rights."""

import re

import pytest
import yaml

from recsys_project.embedded.addresses import PROJECT_DIR

CONTAINER = PROJECT_DIR / "deploy" / "container"
PROCESSES = {"web": ("web-1", "web-2"), "worker": ("worker",), "trainer": ("trainer",), "beat": ("beat",)}


@pytest.fixture(scope="module")
def services():
    return yaml.safe_load((CONTAINER / "compose.yaml").read_text())["services"]


def procfile():
    return dict(line.split(": ", 1) for line in (PROJECT_DIR / "Procfile").read_text().splitlines())


def test_each_process_of_the_procfile_has_a_service(services):
    commands = procfile()

    assert commands.keys() == PROCESSES.keys()
    for process, names in PROCESSES.items():
        assert [" ".join(services[name]["command"]) for name in names] == [commands[process]] * len(names)


def test_processes_wait_for_the_migrations_and_have_few_rights(services):
    for name in (one for names in PROCESSES.values() for one in names):
        service = services[name]
        assert service["depends_on"]["release"] == {"condition": "service_completed_successfully"}
        assert (service["read_only"], service["cap_drop"]) == (True, ["ALL"])


def test_ports_are_open_on_this_machine_alone(services):
    ports = [port for service in services.values() for port in service.get("ports", [])]

    assert ports == ["127.0.0.1:8001:8000", "127.0.0.1:8002:8000"]


def test_the_image_copies_what_is_there_and_runs_without_root():
    lines = (CONTAINER / "Containerfile").read_text().splitlines()
    copied = [name for line in lines if line.startswith("COPY") for name in line.split()[1:-1]]

    assert [name for name in copied if not (PROJECT_DIR / name).exists()] == []
    assert "USER recsys" in lines
    # The default command is that of web.
    assert re.findall(r'"([^"]+)"', next(line for line in lines if line.startswith("CMD"))) == procfile()["web"].split()

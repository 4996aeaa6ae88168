"""Creates or updates a virtual environment from a requirements file: ``_bootstrap.py FOLDER REQUIREMENTS``.

Runs before anything is installed, so it uses only the standard library. A stamp file in the environment holds the
fingerprint of its sources; if it is current, nothing is done. A concurrent run waits.
"""

import fcntl
import hashlib
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import IO


def main() -> int:
    folder, requirements = Path(sys.argv[1]), Path(sys.argv[2])
    stamp = folder / "recsys-stamp"
    expected = fingerprint(folder, requirements)
    if is_current(stamp, expected):
        return 0
    try:
        with folder.with_name(f"{folder.name}.lock").open("a") as lock:
            wait_for(lock)
            if not is_current(stamp, expected):
                install(folder, requirements)
                stamp.write_text(expected)
    except PermissionError as error:
        return failure(f"{error.filename} cannot be written: run as the owner of the checkout.")
    except subprocess.CalledProcessError as error:
        return failure(
            f"Creating {folder.name} failed: {' '.join(map(str, error.cmd))} exited with {error.returncode}."
        )
    return 0


def fingerprint(folder: Path, requirements: Path) -> str:
    """A digest of the environment's folder (which its scripts contain), the Python and all pinned versions."""
    digest = hashlib.sha256(f"{folder}\n{sys.version}\n{Path(sys.executable).resolve()}\n".encode())
    for name in sorted({*included(requirements), "requirements.txt", "constraints.txt"}):
        digest.update(requirements.with_name(name).read_bytes())
    return digest.hexdigest()


def included(requirements: Path) -> set[str]:
    """The names of the file and of those beside it that it includes by ``-r``."""
    lines = requirements.read_text().splitlines()
    others = [requirements.with_name(line.removeprefix("-r ").strip()) for line in lines if line.startswith("-r ")]
    return {requirements.name}.union(*(included(other) for other in others))


def is_current(stamp: Path, expected: str) -> bool:
    return stamp.exists() and stamp.read_text() == expected


def wait_for(lock: IO[str]) -> None:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        say("Waiting for another run that is installing …")
        fcntl.flock(lock, fcntl.LOCK_EX)


def install(folder: Path, requirements: Path) -> None:
    """Recreates the environment if its Python is missing or has changed, and installs the requirements."""
    began = time.monotonic()
    python = folder / "bin" / "python"
    marker = folder / "recsys-python"
    made_by = f"{folder}\n{sys.version}\n{Path(sys.executable).resolve()}"
    if not marker.exists() or marker.read_text() != made_by or not python.exists():
        say(f"Creating {folder.name} with Python {sys.version.split()[0]} …")
        # Not venv --clear, which would follow a symlink and delete another environment.
        if folder.exists() and not folder.is_symlink():
            shutil.rmtree(folder)
        try:
            run([sys.executable, "-m", "venv", folder], quiet=True)
        except subprocess.CalledProcessError:
            say(f"{sys.executable} cannot create virtual environments; on Debian: apt install python3-venv.")
            raise
        marker.write_text(made_by)
    say(f"Installing {requirements.name} into {folder.name} …")
    pip: list[str | Path] = [python, "-m", "pip", "--disable-pip-version-check", "--quiet", "--quiet"]
    run([*pip, "install", "--requirement", requirements])
    say(f"Installed in {time.monotonic() - began:.0f} s.")


def run(command: list[str | Path], *, quiet: bool = False) -> None:
    output = subprocess.DEVNULL if quiet else sys.stderr
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL, stdout=output)  # noqa: S603 -- own arguments.


def say(line: str) -> None:
    sys.stderr.write(f"{line}\n")


def failure(line: str) -> int:
    say(line)
    return 1


if __name__ == "__main__":
    sys.exit(main())

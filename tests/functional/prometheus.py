"""A real Prometheus with the site's configuration of deploy/prometheus, on a free port and in a folder of its own."""

import shutil
import subprocess
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from recsys_project.embedded.addresses import PROJECT_DIR
from tests.functional.web_server import free_port

CONFIGURATION = PROJECT_DIR / "deploy" / "prometheus"
PROMETHEUS, PROMTOOL = shutil.which("prometheus"), shutil.which("promtool")
needs_prometheus = pytest.mark.skipif(
    PROMETHEUS is None or PROMTOOL is None, reason="Prometheus is not installed (Debian: prometheus)"
)
START_SECONDS = 20


def configure(folder: Path, *, token: str, replaced: Mapping[str, str]) -> Path:
    """A copy of the configuration with a token and without an Alertmanager; ``replaced``: texts and what stands there
    instead. Returns the main file."""
    here = folder / "prometheus"
    shutil.copytree(CONFIGURATION, here)
    (here / "recsys.token").write_text(token)
    main = here / "prometheus.yml"
    text = main.read_text()
    for given, instead in {'targets: ["127.0.0.1:9093"]': "targets: []", **replaced}.items():
        assert given in text, given
        text = text.replace(given, instead)
    main.write_text(text)
    return main


@contextmanager
def prometheus(folder: Path, *, token: str, targets: Mapping[str, str]) -> Iterator[str]:
    """Runs Prometheus until the block ends, and gives its address. It scrapes and evaluates each second.

    targets: of those in the file, and the addresses that listen here.
    """
    assert PROMETHEUS is not None
    often = {f"{name}_interval: 15s": f"{name}_interval: 1s" for name in ("scrape", "evaluation")}
    main = configure(folder, token=token, replaced={**often, "scrape_timeout: 10s": "scrape_timeout: 1s", **targets})
    port = free_port()
    command = [PROMETHEUS, f"--config.file={main}", f"--storage.tsdb.path={folder / 'data'}"]
    command += [f"--web.listen-address=127.0.0.1:{port}", "--log.level=warn"]
    with (folder / "prometheus.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    url = f"http://127.0.0.1:{port}"
    try:
        _await(url, process, folder / "prometheus.log")
        yield url
    finally:
        process.terminate()
        process.wait(timeout=30)


def _await(url: str, process: subprocess.Popen, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        assert process.poll() is None, log.read_text()
        try:
            with urllib.request.urlopen(f"{url}/-/ready", timeout=5):
                return
        except OSError:
            time.sleep(0.05)
    raise AssertionError(log.read_text())

"""The cinema of the functional tests, with a server of its own: what fails here must not disturb those.

The site of the tests of trainings, beats and services has a database of its own, too.
"""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults import figures
from tests.faults.site import Site, site
from tests.functional.conftest import cinema

__all__ = ["cinema"]


@pytest.fixture(scope="package")
def own_site() -> Iterator[Site]:
    """A site with a live version, without processes. Its folder is open to the account that PostgreSQL runs as."""
    # A socket's path is short.
    folder = Path(tempfile.mkdtemp(prefix="faults-"))
    folder.chmod(0o755)
    try:
        with site(folder) as made:
            yield made
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if lines := figures.table():
        terminalreporter.section("Faults: measured and asked")
        for line in lines:
            terminalreporter.line(line)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """A full run fails where a limit is missed."""
    if figures.FULL and session.exitstatus == 0 and any(figure.missed for figure in figures.figures):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED

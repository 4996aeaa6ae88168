"""What a pooler in transaction mode cannot do is turned off together."""

import subprocess
import sys

import pytest

from recsys_project.embedded.addresses import PROJECT_DIR

ASK = (
    "from recsys_project.settings.database import DATABASES as d; "
    "print(d['default']['OPTIONS']['prepare_threshold'], d['default']['DISABLE_SERVER_SIDE_CURSORS'])"
)


@pytest.mark.parametrize(("prepare", "expected"), [("true", "1 False"), ("false", "None True")])
def test_prepared_statements_and_server_side_cursors(prepare, expected, monkeypatch):
    monkeypatch.setenv("DATABASE_PREPARE", prepare)

    done = subprocess.run([sys.executable, "-c", ASK], cwd=PROJECT_DIR, capture_output=True, text=True, check=True)

    assert done.stdout.split("\n")[0] == expected

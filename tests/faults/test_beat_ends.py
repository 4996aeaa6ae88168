"""Beat ends on a signal, whatever it is doing."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from django.conf import settings
from django.db import connection, transaction

from tests.functional.web_server import running_database_url

pytestmark = pytest.mark.django_db(transaction=True)
_WAITING = "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'django_celery_beat_periodictask'::regclass"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_beat_ends_in_the_middle_of_a_statement(tmp_path: Path, number: signal.Signals):
    given = {
        "DATABASE_URL": running_database_url(),
        "RECSYS_VAR": str(tmp_path),
        "CELERY_BROKER_URL": "memory://",
        "DJANGO_SETTINGS_MODULE": "recsys_project.settings.local",
    }
    celery = [sys.executable, "-m", "celery", "--app", "recsys_project", "--quiet", "beat"]
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("LOCK TABLE django_celery_beat_periodictask IN ACCESS EXCLUSIVE MODE")
        process = subprocess.Popen(
            celery,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd=settings.BASE_DIR,
            env=os.environ | given,
        )
        try:
            deadline = time.monotonic() + 60
            while not cursor.execute(_WAITING).fetchone()[0]:
                assert process.poll() is None
                assert time.monotonic() < deadline
                time.sleep(0.1)
            process.send_signal(number)

            assert process.wait(timeout=30) == 0
        finally:
            process.kill()
            process.wait()

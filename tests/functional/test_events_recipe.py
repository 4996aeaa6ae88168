"""The recipe of docs/events.md, from a list to its events, as a reader would copy it."""

import os
import re
import shutil
import subprocess

import pytest
from django.conf import settings

from events.models import Interaction

pytestmark = pytest.mark.django_db(transaction=True)
EVENTS = settings.BASE_DIR / "docs" / "events.md"


def recipe() -> str:
    """Its commands; the report is left out, because it counts the whole database that functional tests share."""
    [block] = re.findall(r"^```sh\n(.*?)^```$", EVENTS.read_text(), re.MULTILINE | re.DOTALL)
    assert "./bin/manage report recommendations --refresh" in block
    return block.replace("./bin/manage report", "echo report")


@pytest.mark.skipif(not (shutil.which("curl") and shutil.which("jq")), reason="The recipe needs curl and jq.")
def test_the_documented_way_from_a_list_to_its_events(cinema, tmp_path):
    reader = cinema.person()

    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", recipe()],
        cwd=tmp_path,
        env=os.environ | {"SITE": cinema.server.url, "TOKEN": reader.token},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )

    assert done.returncode == 0, done.stderr[-2000:]
    assert '{"stored":4,"repeated":0,"refused":0}\n{"stored":0,"repeated":4,"refused":0}\n' in done.stdout
    kinds = sorted(Interaction.objects.filter(user=reader.user, undone_at=None).values_list("kind", flat=True))
    assert kinds == ["click", "partial", "rating", "watchlist"]
    assert Interaction.objects.filter(user=reader.user, kind="hide", undo=False, undone_at__isnull=False).count() == 1

"""The first calls of docs/api.md, as a client developer would copy them."""

import os
import re
import shutil
import subprocess

import pytest
from django.conf import settings

from events.models import Interaction

pytestmark = pytest.mark.django_db(transaction=True)
PASSWORD = "first&calls? 2+2"


def first_calls() -> str:
    section = (
        (settings.BASE_DIR / "docs" / "api.md").read_text().partition("\n## First calls\n")[2].partition("\n## ")[0]
    )
    [block] = re.findall(r"^```sh\n(.*?)^```$", section, re.MULTILINE | re.DOTALL)
    return block


@pytest.mark.skipif(not (shutil.which("curl") and shutil.which("jq")), reason="The calls need curl and jq.")
def test_the_first_calls_run_as_they_are_written(cinema, tmp_path):
    person = {"email": "first-calls@example.org", "password": PASSWORD}
    assert cinema.server.request("POST", "/api/auth/register/", person).status == 201

    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", first_calls()],
        cwd=tmp_path,
        env=os.environ | {"SITE": cinema.server.url, "EMAIL": person["email"], "PASSWORD": PASSWORD},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert done.returncode == 0, done.stderr[-2000:]
    lines = done.stdout.splitlines()
    assert len(lines) == 3 + 3 + 1 + 3
    rated = Interaction.objects.get(user__email=person["email"])
    assert (rated.kind, rated.value) == ("rating", 5)
    assert rated.movie.title == lines[3].partition(": ")[0]
    assert rated.movie.title not in lines[-3:]

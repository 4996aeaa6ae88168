"""A machine's secrets are made once, for their owner alone."""

import pytest
from django.core.exceptions import ImproperlyConfigured

from recsys_project.local_secrets import local_secret


def test_secrets_are_made_once_and_stay(tmp_path):
    path = tmp_path / "var" / "secrets.json"

    first = local_secret(path, "SECRET_KEY")

    assert len(first) >= 50
    assert local_secret(path, "SECRET_KEY") == first
    assert local_secret(path, "JWT_SIGNING_KEY") != first
    assert path.stat().st_mode & 0o777 == 0o600
    assert [file.name for file in path.parent.iterdir()] == ["secrets.json"]


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"SECRET_KEY": 5}', '{"SECRET_KEY": ""}'])
def test_a_spoilt_file_is_named_and_left_alone(tmp_path, content):
    path = tmp_path / "secrets.json"
    path.write_text(content)

    with pytest.raises(ImproperlyConfigured, match=r"secrets\.json"):
        local_secret(path, "SECRET_KEY")
    assert path.read_text() == content

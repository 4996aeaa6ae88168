"""The watcher of the suite's log lines finds what it looks for."""

import logging

import pytest
from rest_framework_simplejwt.tokens import RefreshToken

from tests import log_secrets


@pytest.fixture(autouse=True)
def _own(monkeypatch):
    monkeypatch.setattr(log_secrets, "found", [])
    monkeypatch.setattr(log_secrets, "secrets", set(log_secrets.secrets))


@pytest.mark.parametrize(
    "body",
    [
        b'{"email": "a@b.co", "password": "a very long secret"}',
        "email=a&password=a very long secret&x=1",
        b'--x\r\nContent-Disposition: form-data; name="password"\r\n\r\na very long secret\r\n--x--',
    ],
)
def test_a_password_that_is_sent_is_found(body):
    log_secrets._note(body)

    logging.getLogger("anything").warning("refused: %s", {"given": "a very long secret"})

    (line,) = log_secrets.found
    assert "a very long secret" not in line


def test_any_token_is_found():
    logging.getLogger("anything").error("token %s", RefreshToken())

    assert len(log_secrets.found) == 1


def test_other_lines_are_not_found():
    logging.getLogger("anything").error("request_finished %s", {"route": "api/auth/token/", "status": 401})

    assert log_secrets.found == []

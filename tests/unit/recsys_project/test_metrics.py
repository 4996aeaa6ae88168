"""Who may read the metrics, and which processes' they are."""

import pytest
from django.test import Client
from prometheus_client.mmap_dict import MmapedDict, mmap_key

from recsys_project import multiprocess
from recsys_project.metrics import access

pytestmark = pytest.mark.django_db


def read(**headers):
    return Client().get("/metrics", **headers)


def test_this_machine_may_read_them():
    response = read(REMOTE_ADDR="127.0.0.1")

    assert response.status_code == 200
    assert b"recsys_http_requests_total" in response.content


@pytest.mark.parametrize(
    "headers",
    [
        {"REMOTE_ADDR": "10.0.0.1"},
        {"REMOTE_ADDR": ""},
        {"REMOTE_ADDR": "10.0.0.1", "HTTP_X_FORWARDED_FOR": "127.0.0.1"},
        # A proxy on this machine that the settings do not name.
        {"REMOTE_ADDR": "127.0.0.1", "HTTP_X_FORWARDED_FOR": "10.0.0.1"},
    ],
)
def test_nobody_else_may(headers):
    response = read(**headers)

    assert response.status_code == 403
    assert response.json()["error"]["code"] == "permission_denied"
    assert b"recsys_http" not in response.content


@pytest.mark.parametrize("header", access._PROXY_HEADERS)
@pytest.mark.parametrize("proxies", [0, 1])
def test_a_proxy_on_this_machine_reveals_itself(settings, header, proxies):
    settings.TRUSTED_PROXIES = proxies
    value = "10.0.0.1"

    assert read(REMOTE_ADDR="127.0.0.1", **{header: value}).status_code == 403


def test_a_trusted_proxy_says_who_asks(settings):
    settings.TRUSTED_PROXIES = 1
    given = {"REMOTE_ADDR": "127.0.0.1", "HTTP_X_REAL_IP": "127.0.0.1"}

    assert read(**given, HTTP_X_FORWARDED_FOR="127.0.0.1").status_code == 200
    assert read(**given, HTTP_X_FORWARDED_FOR="127.0.0.1, 10.0.0.1").status_code == 403
    assert read(**given).status_code == 403


def test_a_token_opens_them_to_its_holder_only(settings):
    settings.METRICS_TOKEN = "a-long-random-token"

    assert read(REMOTE_ADDR="10.0.0.1", HTTP_AUTHORIZATION="Bearer a-long-random-token").status_code == 200
    assert read(REMOTE_ADDR="10.0.0.1", HTTP_AUTHORIZATION="bearer a-long-random-token").status_code == 200
    for header in ("Bearer wrong", "a-long-random-token", "", "Bearer é"):
        refused = read(REMOTE_ADDR="127.0.0.1", HTTP_AUTHORIZATION=header)
        assert refused.status_code == 401
        assert refused["WWW-Authenticate"].startswith("Bearer")


def test_a_token_may_have_letters_beyond_ascii(settings):
    settings.METRICS_TOKEN = "caf\u00e9"
    as_sent = "caf\u00e9".encode().decode("latin-1")

    assert read(REMOTE_ADDR="10.0.0.1", HTTP_AUTHORIZATION=f"Bearer {as_sent}").status_code == 200
    assert read(REMOTE_ADDR="10.0.0.1", HTTP_AUTHORIZATION="Bearer cafe").status_code == 401


def test_a_second_web_server_can_leave_out_the_workers(tmp_path, monkeypatch):
    for kind, route in (("web-8002", "of-web"), ("worker", "of-workers")):
        folder = tmp_path / kind
        folder.mkdir()
        values = MmapedDict(str(folder / "counter_ended.db"))
        values.write_value(mmap_key("asked", "asked_total", ["route"], [route], "Asked."), 3, 0.0)
        values.close()
    monkeypatch.setenv(multiprocess.VARIABLE, str(tmp_path / "web-8002"))

    whole = read(REMOTE_ADDR="127.0.0.1").content.decode()
    own = read(REMOTE_ADDR="127.0.0.1", QUERY_STRING="only=web").content.decode()

    assert 'asked_total{route="of-web"} 3.0' in whole
    assert 'asked_total{route="of-workers"} 3.0' in whole
    assert 'asked_total{route="of-web"} 3.0' in own
    assert "of-workers" not in own
    assert "recsys_collector_up" not in own


def test_an_unknown_part_is_refused_by_name():
    response = read(REMOTE_ADDR="127.0.0.1", QUERY_STRING="only=workers")

    assert response.status_code == 400
    assert "only" in response.json()["error"]["message"]
    assert read(REMOTE_ADDR="10.0.0.1", QUERY_STRING="only=web").status_code == 403

"""URLs of services: all clients make the same of them, and what cannot be read is never shown."""

import os
import subprocess
import sys
from urllib.parse import quote, urlsplit

import kombu
import pytest
import redis
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from kombu.transport.redis import Channel
from redis.connection import parse_url

from recsys_project.embedded.addresses import PROJECT_DIR
from recsys_project.service_urls import broker_url, database_config, redis_urls

ODD = "p/a:s@s%?#w+o;r,d&=[1]é $"


def as_redis_py(url: str) -> dict:
    """What redis-py, and so Django's cache, connects to."""
    found = parse_url(url)
    return {
        "host": found.get("host"),
        "port": found.get("port") or (None if "path" in found else 6379),
        "path": found.get("path"),
        "db": found.get("db", 0),
        "username": found.get("username"),
        "password": found.get("password"),
        "tls": found["connection_class"] is redis.SSLConnection if "connection_class" in found else False,
        "cert_reqs": str(found.get("ssl_cert_reqs", "")),
    }


def as_kombu(url: str) -> dict:
    """What Celery's client connects to; a channel would connect at once, so its parameters are asked for alone."""
    channel = object.__new__(Channel)
    channel.connection = kombu.Connection(url).transport
    found = channel._connparams()
    cert_reqs = found.get("ssl_cert_reqs")
    return {
        "host": found.get("host"),
        "port": found.get("port"),
        "path": found.get("path"),
        "db": found["db"],
        "username": found["username"],
        "password": found["password"],
        "tls": issubclass(found["connection_class"], redis.SSLConnection),
        "cert_reqs": "" if cert_reqs is None else cert_reqs.name.removeprefix("CERT_").lower(),
    }


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("redis://host", {}),
        ("redis://host/", {}),
        ("redis://host:6380/3", {"port": 6380, "db": 3}),
        ("redis://host?db=3", {"db": 3}),
        ("redis://host:6380/?db=3", {"port": 6380, "db": 3}),
        ("redis://host/1?db=3", {"db": 3}),
        ("redis://host/%33", {"db": 3}),
        ("redis://host?db=3&socket_timeout=5&protocol=3", {"db": 3}),
        ("redis://", {"host": "localhost"}),
        ("redis://[::1]:6380/3", {"host": "::1", "port": 6380, "db": 3}),
        ("redis://:pass@host/3", {"password": "pass", "db": 3}),
        ("redis://me:pass@host/3", {"username": "me", "password": "pass", "db": 3}),
        ("redis://host/3?username=me&password=pass", {"username": "me", "password": "pass", "db": 3}),
        (f"redis://me:{quote(ODD, safe='')}@host?db=3", {"username": "me", "password": ODD, "db": 3}),
        ("redis://me:a@b:c%%@host?db=3", {"username": "me", "password": "a@b:c%%", "db": 3}),
        ("rediss://host:6380/3", {"port": 6380, "db": 3, "tls": True, "cert_reqs": "required"}),
        ("rediss://host?db=3&ssl_cert_reqs=none", {"db": 3, "tls": True, "cert_reqs": "none"}),
        ("rediss://host/3?ssl_cert_reqs=CERT_OPTIONAL", {"db": 3, "tls": True, "cert_reqs": "optional"}),
        ("unix:///run/valkey.sock", {"path": "/run/valkey.sock"}),
        ("unix:///run/valkey.sock?db=3", {"path": "/run/valkey.sock", "db": 3}),
        ("unix:///run/a%20b/valkey.sock?db=3", {"path": "/run/a b/valkey.sock", "db": 3}),
        ("unix:///run/valkey.sock?socket_timeout=5&db=3", {"path": "/run/valkey.sock", "db": 3}),
        (f"unix://me:{quote(ODD, safe='')}@/r.sock", {"username": "me", "password": ODD, "path": "/r.sock"}),
    ],
)  # fmt: skip
def test_the_cache_and_celery_connect_to_the_same(url, expected):
    tcp = "path" not in expected
    whole = {"host": "host" if tcp else None, "port": 6379 if tcp else None, "path": None, "db": 0} | {
        "username": None, "password": None, "tls": False, "cert_reqs": "",
    } | expected  # fmt: skip
    urls = redis_urls("REDIS_URL", url)

    assert as_redis_py(urls.cache) == whole
    assert as_kombu(urls.broker) == whole
    assert broker_url("CELERY_BROKER_URL", url) == urls.broker
    # Read a second time, as by a process that inherits the variable, it is the same.
    assert redis_urls("REDIS_URL", urls.cache) == urls
    assert broker_url("CELERY_BROKER_URL", urls.broker) == urls.broker


def test_what_celery_prints_of_a_broker_hides_the_password():
    for url in ("redis://me:s3cr3t@host?db=3", "unix://me:s3cr3t@/r.sock?db=3", "rediss://:s3cr3t@host/3"):
        assert "s3cr3t" not in kombu.Connection(redis_urls("REDIS_URL", url).broker).as_uri()


@pytest.mark.parametrize(
    "url", ["amqp://me:pass@host:5672/vhost", "sentinel://a:26379;sentinel://b:26379", "redis+socket:///r.sock"]
)
def test_other_brokers_are_left_as_they_are(url):
    assert broker_url("CELERY_BROKER_URL", url) == url


def test_each_of_several_brokers_is_read():
    assert broker_url("CELERY_BROKER_URL", "redis://a?db=3;redis://b?db=4") == "redis://a/3;redis://b/4"


@pytest.mark.parametrize("char", ODD.replace("/", "").replace("?", "").replace("#", ""))
def test_a_database_password_may_hold_any_unambiguous_character(char):
    for password in (f"pa{char}ss", quote(f"pa{char}ss", safe="")):
        config = database_config("DATABASE_URL", f"postgresql://me:{password}@db.example.com:5433/name")

        assert (config["USER"], config["PASSWORD"]) == ("me", f"pa{char}ss")
        assert (config["HOST"], config["PORT"], config["NAME"]) == ("db.example.com", 5433, "name")


@pytest.mark.parametrize("char", "/?#")
def test_a_quoted_password_may_hold_what_ends_a_host(char):
    config = database_config("DATABASE_URL", f"postgresql://me:12{quote(char, safe='')}34@host/name?sslmode=require")

    assert (config["PASSWORD"], config["HOST"], config["NAME"]) == (f"12{char}34", "host", "name")
    assert config["OPTIONS"] == {"sslmode": "require"}


def test_sockets_and_several_hosts_are_read():
    config = database_config("DATABASE_URL", "postgresql://postgres@/recsys?host=/run/pg")
    several = database_config("DATABASE_URL", "postgresql://me:a%2Fb@one:5432,two:5433/recsys")

    assert (config["USER"], config["HOST"], config["NAME"]) == ("postgres", "", "recsys")
    assert config["OPTIONS"] == {"host": "/run/pg"}
    assert (several["HOST"], several["PORT"], several["PASSWORD"]) == ("one,two", "5432,5433", "a/b")


# Halves that a client could take for a port, a host or a path of its own; none of them may be shown.
HALVES = [("Alpha", "Omega"), ("12345", "Omega"), ("12345", "67890")]


@pytest.mark.parametrize(("first", "second"), HALVES)
@pytest.mark.parametrize("char", ["/", "?", "#", "/[", "]/"])
@pytest.mark.parametrize("form", ["{}://me:{}@host:5432/name", "{}://me:{}@host", "{}://:{}@host/0"])
def test_a_password_cut_in_two_is_an_error_without_it(form, char, first, second):
    password = f"{first}{char}{second}"
    for variable, read, scheme in [
        ("DATABASE_URL", database_config, "postgresql"),
        ("REDIS_URL", redis_urls, "redis"),
        ("CELERY_BROKER_URL", broker_url, "redis"),
        ("CELERY_BROKER_URL", broker_url, "amqp"),
    ]:
        with pytest.raises(ImproperlyConfigured) as refused:
            read(variable, form.format(scheme, password))
        message = str(refused.value)
        assert message.startswith(f"{variable}: ")
        assert "percent-encoded" in message
        assert first not in message
        assert second not in message


@pytest.mark.parametrize(
    "url",
    [
        "Sesame",
        "//me:Sesame@host/n",
        "me:Sesame@host/name",
        "mysql://me:Sesame@host/name",
        "postgresql://me:Sesame@host",
        "postgresql://me:x@Sesame:port/name",
        "postgresql://me:x@[Sesame]/name",
        "Sesame://me@host/name",
    ],
)
def test_what_is_no_database_url_is_not_repeated(url):
    with pytest.raises(ImproperlyConfigured, match="DATABASE_URL") as refused:
        database_config("DATABASE_URL", url)
    assert "Sesame" not in str(refused.value)


@pytest.mark.parametrize(
    "url",
    [
        "Sesame",
        "http://Sesame",
        "redis://host/Sesame",
        "redis://host?db=Sesame",
        "redis://host?db=-1",
        "redis://a,b/0",
        "unix://Sesame",
        "unix://",
        "rediss://host?ssl_cert_reqs=Sesame",
        "redis://host:Sesame/0",
    ],
)
def test_what_is_no_redis_url_is_not_repeated(url):
    with pytest.raises(ImproperlyConfigured, match="REDIS_URL") as refused:
        redis_urls("REDIS_URL", url)
    assert "Sesame" not in str(refused.value)


def output(code: str, **environment: str) -> tuple[int, str]:
    """The exit status of a process with just these settings, and all that it wrote."""
    keys = {"SECRET_KEY": "s" * 50, "JWT_SIGNING_KEY": "j" * 40, "ALLOWED_HOSTS": "example.com"}
    addresses = {"DATABASE_URL": "postgresql://me@127.0.0.1:1/name", "REDIS_URL": "redis://127.0.0.1:1/0"}
    module = {"DJANGO_SETTINGS_MODULE": "recsys_project.settings.production", "DATABASE_POOL_TIMEOUT": "1"}
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=PROJECT_DIR,
        env={"PATH": os.environ["PATH"], "LOG_LEVEL": "DEBUG"} | keys | addresses | module | environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    return done.returncode, done.stdout + done.stderr


MANAGE = "import sys; sys.argv = ['manage.py', 'migrate', '--plan']; import manage; manage.main()"
WORKER = "from celery.__main__ import main; import sys; sys.argv = ['celery', '-A', 'recsys_project', 'report']; main()"


@pytest.mark.parametrize(
    ("code", "variable", "url"),
    [
        (MANAGE, "DATABASE_URL", "postgresql://me:Alpha/Omega@127.0.0.1:1/name"),
        (MANAGE, "DATABASE_URL", "postgresql://me:12345?Omega@127.0.0.1:1/name"),
        (MANAGE, "REDIS_URL", "redis://:Alpha#Omega@127.0.0.1:1/0"),
        (WORKER, "CELERY_BROKER_URL", "redis://:Alpha/Omega@127.0.0.1:1/0"),
    ],
)
def test_a_process_that_cannot_read_a_url_says_which_alone(code, variable, url):
    status, text = output(code, **{variable: url})

    assert status != 0
    assert f"{variable}: it cannot be read" in text
    assert not [part for part in ("Alpha", "Omega", "12345") if part in text]


def test_a_process_that_cannot_connect_does_not_tell_passwords():
    status, text = output(
        MANAGE,
        DATABASE_URL=f"postgresql://me:Alpha{quote('/', safe='')}Omega@127.0.0.1:1/name",
        SECRET_KEY="$Sigma" + "s" * 50,
        JWT_SIGNING_KEY="$Kappa" + "j" * 40,
    )

    assert status != 0
    assert "OperationalError" in text
    assert not [part for part in ("Alpha", "Omega", "Sigma", "Kappa") if part in text]


def test_a_secret_that_begins_with_a_dollar_is_taken_as_it_is():
    secret, key, token = "$PATH" + "s" * 50, "$HOME" + "j" * 40, "$USER"
    code = "from django.conf import settings as s; print(s.SECRET_KEY, s.JWT_SIGNING_KEY, s.METRICS_TOKEN)"

    assert output(code, SECRET_KEY=secret, JWT_SIGNING_KEY=key, METRICS_TOKEN=token) == (0, f"{secret} {key} {token}\n")


def test_celery_sends_to_the_database_that_the_cache_uses():
    socket = parse_url(settings.REDIS_URL)["path"]
    code = (
        "from recsys_project import celery_app as app; from django.core.cache import cache\n"
        "app.send_task('nothing', queue='urls-test'); cache.set('urls-test', 1, 60)"
    )
    stores = {number: redis.Redis(unix_socket_path=socket, db=number) for number in (0, 3, 4)}
    before = {number: set(store.keys()) for number, store in stores.items()}
    try:
        for given in ({}, {"CELERY_BROKER_URL": f"unix://{socket}?socket_timeout=5&db=4"}):
            assert output(code, REDIS_URL=f"unix://{socket}?socket_timeout=5&db=3", **given) == (0, "")
            queue = 4 if given else 3
            assert stores[queue].llen("urls-test") == 1
            assert stores[3].exists("recsys:1:urls-test")
            stores[3].delete("urls-test", "recsys:1:urls-test")
        assert not stores[0].exists("urls-test")
        assert not stores[0].exists("recsys:1:urls-test")
        assert urlsplit(settings.REDIS_URL).query == "db=0"
    finally:
        for number in (3, 4):
            stores[number].delete(*(set(stores[number].keys()) - before[number]) or {"-"})

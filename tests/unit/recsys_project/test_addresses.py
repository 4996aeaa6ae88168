"""Every process of a checkout must compute the same addresses, and ones that the clients can use."""

import os

import pytest

from recsys_project.embedded import addresses


@pytest.fixture
def var(tmp_path, monkeypatch):
    """Sets ``RECSYS_VAR``; returns a function that moves it."""

    def move(name):
        monkeypatch.setenv("RECSYS_VAR", str(tmp_path / name))
        return tmp_path / name

    return move


@pytest.fixture
def ordinary_user(monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 12345)


def test_an_ordinary_users_data_and_sockets_lie_under_var(var, ordinary_user):
    folder = var("var")

    assert addresses.data_dir() == folder
    assert addresses.socket_dir() == folder / "run"
    assert addresses.database_url() == f"postgresql://postgres@/recsys?host={folder}/run"
    assert addresses.redis_url(3) == f"unix://{folder}/run/valkey.sock?db=3"


@pytest.mark.parametrize("name", ["x" * 120, "with space", "com,ma", "per%20cent", "quest?ion", "ha#sh", "plus+"])
def test_a_path_unusable_for_sockets_gets_a_short_plain_folder(var, ordinary_user, name):
    var(name)
    short = addresses.socket_dir()

    assert str(short).startswith("/tmp/recsys-12345-")
    assert len(os.fsencode(short / addresses.POSTGRES_SOCKET)) <= addresses.MAX_SOCKET_BYTES
    assert addresses.socket_dir() == short


def test_two_checkouts_never_share_a_short_folder(var, ordinary_user):
    var("a" * 120)
    first = addresses.socket_dir()
    var("b" * 120)

    assert addresses.socket_dir() != first


def test_a_socket_folder_that_somebody_else_made_is_refused(var, ordinary_user, tmp_path, monkeypatch):
    var("x" * 120)
    theirs = addresses.socket_dir()
    theirs.mkdir()
    try:
        with pytest.raises(PermissionError, match="belongs to another user"):
            addresses.database_url()
    finally:
        theirs.rmdir()


def test_the_path_of_exactly_107_bytes_is_still_used(var, ordinary_user, tmp_path):
    fixed = len(str(tmp_path / "" / "run" / addresses.POSTGRES_SOCKET)) + 1
    longest = "v" * (addresses.MAX_SOCKET_BYTES - fixed)

    assert addresses.socket_dir() != var(longest) / "run"
    folder = var(longest)
    assert addresses.socket_dir() == folder / "run"
    var(longest + "v")
    assert addresses.socket_dir().parent.name == "tmp"


def test_root_keeps_its_data_outside_a_closed_home(var, tmp_path, monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    tmp_path.chmod(0o700)
    var("var")

    assert addresses.data_dir().parent == addresses.ROOT_DATA_DIR
    assert not addresses.is_open_to_others(tmp_path / "var")


def test_existing_data_is_used_after_a_parent_folder_was_closed(var, tmp_path, monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    folder = var("var")
    (folder / "postgres").mkdir(parents=True)
    tmp_path.chmod(0o700)

    assert addresses.data_dir() == folder

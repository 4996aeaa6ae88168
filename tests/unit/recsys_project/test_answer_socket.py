"""What a client does not take of its answer is kept within bounds."""

import socket
import threading

import pytest

from recsys_project import answer_socket
from recsys_project.answer_socket import AnswerSocket


@pytest.fixture
def pair():
    ours, theirs = socket.socketpair()
    with AnswerSocket(fileno=ours.detach()) as answering, theirs:
        answering.setblocking(True)
        yield answering, theirs


def read(client: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        data += client.recv(65_536)
    return data


def test_an_answer_that_is_not_read_is_kept_and_sent_on(pair):
    answering, client = pair
    whole = bytes(range(256)) * 8192

    answering.sendall(whole[:1_000_000])
    answering.sendall(whole[1_000_000:])

    assert answering.unsent
    reader = threading.Thread(target=lambda: received.append(read(client, len(whole))))
    received: list[bytes] = []
    reader.start()
    while answering.unsent:
        answering.send_on()
    reader.join(timeout=30)
    assert received == [whole]


def test_a_longer_answer_waits_for_its_client(pair, monkeypatch):
    monkeypatch.setattr(answer_socket, "MAX_UNSENT", 1_000_000)
    monkeypatch.setattr(answer_socket, "BLOCK_SECONDS", 0.2)
    answering, _ = pair
    answering.setblocking(True)

    with pytest.raises(TimeoutError):
        answering.sendall(b"x" * 5_000_000)
    assert not answering.unsent


@pytest.mark.parametrize("room", [0, 100_000])
def test_all_connections_together_keep_no_more_than_fits(pair, monkeypatch, room):
    space = answer_socket._Room(room)
    monkeypatch.setattr(answer_socket, "_room", space)
    answering, _ = pair
    answering.settimeout(0.2)

    with pytest.raises(TimeoutError):
        answering.sendall(b"x" * 5_000_000)

    answering.close()
    assert space.take(room)
    assert not space.take(1)


def test_a_file_is_sent_from_its_offset(pair, tmp_path):
    answering, client = pair
    path = tmp_path / "file"
    path.write_bytes(b"0123456789" * 20_000)
    with path.open("rb") as file:
        assert answering.sendfile(file, offset=5, count=150_000) == 150_000

    while answering.unsent:
        client.setblocking(True)
        answering.send_on()
        client.recv(65_536)
    assert not answering.unsent

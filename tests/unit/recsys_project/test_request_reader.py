"""Where a request ends, found in bytes that come in any pieces."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recsys_project.request_reader import MAX_HEAD_BYTES, RequestReader

GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
POST = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nabcde"


def read(data: bytes, max_body: int = 100) -> RequestReader:
    reader = RequestReader(max_body)
    reader.feed(data)
    return reader


@given(st.lists(st.sampled_from([GET, POST]), min_size=1, max_size=4), st.data())
def test_requests_come_out_as_they_went_in(requests, data):
    sent, reader, taken = b"".join(requests), RequestReader(100), []
    while sent:
        size = data.draw(st.integers(1, len(sent)))
        reader.feed(sent[:size])
        sent = sent[size:]
        while reader.complete:
            taken.append(reader.take())

    assert taken == requests
    assert not reader.buffer


@given(st.binary(max_size=300), st.data())
def test_any_bytes_are_read_the_same_in_pieces(noise, data):
    whole, pieces = read(noise), RequestReader(100)
    cut = data.draw(st.integers(0, len(noise)))
    pieces.feed(noise[:cut])
    pieces.feed(noise[cut:])

    assert (whole.complete, whole.length) == (pieces.complete, pieces.length)


def test_half_a_request_is_not_complete():
    for size in range(len(POST)):
        assert not read(POST[:size]).complete


def test_empty_lines_before_a_request_are_left_out():
    assert not read(b"\r\n\r\n").complete
    assert read(b"\r\n\r\n" + GET).take() == GET


@pytest.mark.parametrize(
    "field",
    [
        b"Content-Length: 101",
        b"Content-Length: 5\r\nContent-Length: 5",
        b"Content-Length: 5\r\nTransfer-Encoding: chunked",
        b"Transfer-Encoding: chunked",
        b"content-length : 5",
        b"Content-Length: -5",
        b"Content-Length: 5, 5",
        b"Content-Length: 9999999999999999999999",
    ],
)
def test_a_body_that_is_not_read_leaves_no_next_request(field):
    head = b"POST / HTTP/1.1\r\nHost: a\r\n" + field + b"\r\n\r\n"
    reader = read(head + GET)

    assert reader.complete
    assert reader.length is None
    assert reader.take() == head
    assert not reader.buffer


def test_an_expectation_is_taken_out():
    reader = read(b"POST / HTTP/1.1\r\nExpect: 100-Continue\r\nContent-Length: 5\r\n\r\n")

    assert reader.expects_continue
    reader.feed(b"abcde")
    assert reader.take() == b"POST / HTTP/1.1\r\nContent-Length: 5\r\n\r\nabcde"


def test_a_head_without_end_is_too_long():
    assert not read(b"GET / HTTP/1.1\r\n").head_too_long
    assert read(b"a" * (MAX_HEAD_BYTES + 1)).head_too_long


@pytest.mark.parametrize(
    "target",
    [
        b"/files/",
        b"/files/?a=b",
        b"/f%69les/",
        b"/%66%69%6C%65%73%2f",
        b"http://host/files/",
        b"//host/files/",
        b"/prefix/files/",
    ],
)
def test_a_path_for_files_has_its_own_limit_however_written(target):
    """The site takes what it decodes to; a body that is not collected would hold a thread."""
    lengths = []
    for size in (b"300", b"301"):
        reader = RequestReader(100, {b"/files/": 300})
        reader.feed(b"POST " + target + b" HTTP/1.1\r\nHost: a\r\nContent-Length: " + size + b"\r\n\r\n")
        lengths.append(reader.length)

    assert lengths == [300, None]


def test_other_paths_keep_the_limit_of_all():
    reader = RequestReader(100, {b"/files/": 300})
    reader.feed(b"POST /other/ HTTP/1.1\r\nReferer: /files/\r\nContent-Length: 101\r\n\r\n")

    assert reader.length is None

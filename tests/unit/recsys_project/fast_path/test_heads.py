"""The fast path reads plain requests only."""

import pytest

from recsys_project.fast_path.heads import read_head
from recsys_project.fast_path.lists import read_query

PLAIN = b"GET /api/recommendations/?limit=5 HTTP/1.1\r\nHost: a\r\nX-Thing:  b c \r\n\r\n"


def test_a_plain_head_is_read():
    head = read_head(PLAIN)
    assert head is not None
    assert (head.path, head.query) == (b"/api/recommendations/", b"limit=5")
    assert head.headers == {b"host": b"a", b"x-thing": b"b c"}


@pytest.mark.parametrize(
    "data",
    [
        PLAIN.replace(b"GET", b"HEAD"),
        PLAIN.replace(b"GET", b"get"),
        PLAIN.replace(b"HTTP/1.1", b"HTTP/1.0"),
        PLAIN.replace(b"GET ", b"GET  "),
        PLAIN.replace(b"/api", b"//api/%61"),
        PLAIN.replace(b"/api", b"http://a/api"),
        PLAIN.replace(b"limit=5", b"limit=\xff"),
        PLAIN.replace(b"\r\n", b"\n"),
        PLAIN.replace(b"X-Thing", b"X_Thing"),
        PLAIN.replace(b"X-Thing:", b"X-Thing :"),
        PLAIN.replace(b"X-Thing", b"Host"),
        PLAIN.replace(b"X-Thing", b" folded"),
        PLAIN.replace(b"b c", b"b\0c"),
        PLAIN.replace(b"b c", b"b\xe9c"),
        *(
            PLAIN.replace(b"X-Thing:  b c ", line)
            for line in (
                b"Cookie: a=b",
                b"Origin: https://a",
                b"Content-Length: 0",
                b"Transfer-Encoding: chunked",
                b"Expect: 100-continue",
                b"Upgrade: h2c",
                b"Connection: close",
                b"Connection: keep-alive, Upgrade",
                b"Accept: text/html",
                b"Range: bytes=0-1",
            )
        ),
    ],
)
def test_an_unusual_head_is_left_to_django(data):
    assert read_head(data) is None


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        (b"", (None, None, "")),
        (b"limit=100", (100, None, "")),
        (b"user=caf%C3%A9+1&limit=3", (3, "café 1", "")),
        (b"region=SE&limit=3", (3, None, "SE")),
    ],
)
def test_a_plain_query_is_read(query, expected):
    assert read_query(query) == expected


@pytest.mark.parametrize(
    "query",
    [
        *(
            b"limit=0",
            b"limit=101",
            b"limit=05",
            b"limit=+5",
            b"limit=",
            b"limit",
            b"limit=1&limit=1",
            b"user=",
            b"region=",
            b"region=XX",
            b"region=se",
            b"a=b",
        ),
        *(b"limit=5&", b"limit=5;user=a", b"%6Cimit=5", b"cursor=x", b"explain=true", b"format=json", b"user=a&user=a"),
    ],
)
def test_an_unusual_query_is_left_to_django(query):
    assert read_query(query) is None

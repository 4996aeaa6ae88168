"""Reads the head of a request, if nothing about it is unusual."""

import re
from dataclasses import dataclass

# The longest query, in bytes.
MAX_QUERY = 400
# What a plain client sends: printable ASCII, no folded lines, names without underscores.
_HEAD = re.compile(
    rb"GET (/[a-z0-9/-]*)(?:\?([!-~]{0,%d}))? HTTP/1\.1\r\n"
    rb"((?:[A-Za-z0-9-]{1,64}:[ \t]*[\x20-\x7e]{0,4000}\r\n){1,60})\r\n" % MAX_QUERY
)
# With one of these, the site or the server may do something else. Django ignores any other that it does not know.
_UNUSUAL = frozenset(
    (
        b"content-length",
        b"content-type",
        b"content-encoding",
        b"transfer-encoding",
        b"te",
        b"trailer",
        b"expect",
        b"upgrade",
        b"http2-settings",
        b"proxy-connection",
        b"keep-alive",
        b"cookie",
        b"origin",
        b"range",
        b"if-match",
        b"if-modified-since",
        b"if-unmodified-since",
        b"if-range",
        b"x-requested-with",
        b"x-http-method-override",
        b"access-control-request-method",
        b"access-control-request-headers",
        b"access-control-request-private-network",
    )
)
_ACCEPTED = (b"*/*", b"application/json")


@dataclass(frozen=True, slots=True)
class Head:
    """A plain GET: its path and query as sent, and its headers by their names in lower case."""

    path: bytes
    query: bytes
    headers: dict[bytes, bytes]


def read_head(data: bytes) -> Head | None:
    """The head of a GET without a body that keeps its connection; None if anything is unusual."""
    found = _HEAD.fullmatch(data)
    if found is None:
        return None
    path, query, lines = found.groups()
    headers: dict[bytes, bytes] = {}
    count = 0
    for line in lines.split(b"\r\n")[:-1]:
        name, _, value = line.partition(b":")
        headers[name.lower()] = value.strip()
        count += 1
    if len(headers) != count or not _UNUSUAL.isdisjoint(headers):
        return None
    if headers.get(b"connection", b"keep-alive").lower() != b"keep-alive":
        return None
    if headers.get(b"accept", b"*/*") not in _ACCEPTED:
        return None
    return Head(path, query or b"", headers)

"""Collects the bytes of one HTTP/1 request until it is complete, without waiting for them.

A worker's main loop feeds it, so that a client that sends half a request holds a buffer and no thread. It finds only
where a request ends; Gunicorn's parser then reads and checks those bytes, and sees no others.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import unquote_to_bytes

HEAD_END = b"\r\n\r\n"
# Gunicorn allows 100 fields; a request line of 8,190 bytes and the usual fields need far less.
MAX_HEAD_BYTES = 64 * 1024
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
_LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*(\d{1,18})[ \t]*(?=\r\n)", re.IGNORECASE)
_FRAMED = re.compile(rb"\r\n(?:content-length|transfer-encoding)", re.IGNORECASE)
_EXPECT = re.compile(rb"\r\nexpect:[ \t]*100-continue[ \t]*(?=\r\n)", re.IGNORECASE)


@dataclass
class RequestReader:
    """The bytes that a client has sent and no request has used yet.

    ``max_body`` is in bytes: a longer body is not collected, since the site refuses it by its Content-Length. Nor is
    one in chunks, which it refuses too, or one whose length is unclear. ``uploads``: the limits of paths that take
    files.
    """

    max_body: int
    uploads: Mapping[bytes, int] = field(default_factory=dict)
    buffer: bytearray = field(default_factory=bytearray)
    # Whether the client waits for permission to send the body.
    expects_continue: bool = False
    # Bytes of the body; None if it is not collected. Valid once the head is here.
    length: int | None = 0
    _head: int = 0

    def feed(self, data: bytes) -> None:
        """Adds bytes that arrived, and looks for the end of the head."""
        searched = max(0, len(self.buffer) - len(HEAD_END) + 1)
        self.buffer += data
        if not self._head:
            self._find_head(searched)

    @property
    def complete(self) -> bool:
        """Whether the request is here, or as much of it as the site needs to refuse it."""
        return self._head > 0 and len(self.buffer) >= self._head + (self.length or 0)

    @property
    def head_too_long(self) -> bool:
        return not self._head and len(self.buffer) > MAX_HEAD_BYTES

    def head(self) -> bytes:
        """The head of the complete request, which stays."""
        return bytes(self.buffer[: self._head])

    def take(self) -> bytes:
        """Removes and returns the complete request. Bytes of the next one stay."""
        end = self._head + (self.length or 0)
        request, rest = bytes(self.buffer[:end]), bytes(self.buffer[end:])
        self.buffer, self._head, self.expects_continue = bytearray(), 0, False
        if self.length is not None:
            self.feed(rest)
        return request

    def _find_head(self, searched: int) -> None:
        if self.buffer[:1] in (b"\r", b"\n"):
            # Empty lines before a request are ignored (RFC 9112, 2.2).
            self.buffer = self.buffer.lstrip(b"\r\n")
            searched = 0
        end = self.buffer.find(HEAD_END, searched)
        if end < 0:
            return
        self._head = end + len(HEAD_END)
        head = bytes(self.buffer[: self._head])
        self.length = self._length_in(head)
        if _EXPECT.search(head):
            # Answered here: Gunicorn would do it again.
            self.expects_continue = self.length is not None
            head = _EXPECT.sub(b"", head)
            self.buffer[: self._head] = head
            self._head = len(head)

    def _length_in(self, head: bytes) -> int | None:
        lengths = _LENGTH.findall(head)
        if len(_FRAMED.findall(head)) != len(lengths) or len(lengths) > 1:
            return None
        length = int(lengths[0]) if lengths else 0
        return length if length <= self._limit(head) else None

    def _limit(self, head: bytes) -> int:
        """The longest body to collect: that of a path for files wherever the target has it, however it is written.

        A body that the site accepts and that is not collected would be read by a thread, as slowly as it is sent.
        """
        target = unquote_to_bytes(head.partition(b"\r\n")[0])
        return max([self.max_body, *(limit for path, limit in self.uploads.items() if path in target)])

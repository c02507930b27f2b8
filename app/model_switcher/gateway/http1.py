"""Reading HTTP/1.1 answers of an engine, and writing requests to it (RFC 9112).

The gateway's own reader instead of aiohttp's client for two reasons: header lines pass byte for byte, and the code that
decides about a retry, or about keeping the connection, knows what has arrived of the answer. It is somewhat cheaper too.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable

LONGEST_HEAD = 256 * 1024
LONGEST_CHUNK_LINE = 4096

# RFC 9110 §7.6.1; what `Connection` names comes on top.
HOP_BY_HOP = frozenset(
    {
        b"connection",
        b"keep-alive",
        b"proxy-authenticate",
        b"proxy-authorization",
        b"proxy-connection",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
    }
)
_BODILESS = frozenset({204, 304})
_HEXADECIMAL = re.compile(rb"[0-9A-Fa-f]+")

LAST_CHUNK = b"0\r\n\r\n"


def chunk(data: bytes) -> bytes:
    """`data`, which is not empty, as one chunk."""
    return b"%x\r\n%b\r\n" % (len(data), data)


class MalformedAnswerError(Exception):
    """The engine's bytes are not an HTTP answer."""


@dataclass(frozen=True, slots=True)
class Head:
    """Status line and header lines of an answer; names in lower case, lines as they came.

    `status_line` is without the version: `b"200 OK"`.
    """

    status: int
    status_line: bytes
    fields: tuple[tuple[bytes, bytes], ...]

    def get(self, name: bytes) -> bytes | None:
        """The value of the first field of that name (lower case)."""
        for key, line in self.fields:
            if key == name:
                return line.partition(b":")[2].strip()
        return None

    def end_to_end(self) -> list[tuple[bytes, bytes]]:
        """The fields that are not for this connection alone."""
        dropped = HOP_BY_HOP | named_by_connection(self.get(b"connection"))
        return [field for field in self.fields if field[0] not in dropped]


def named_by_connection(value: bytes | None) -> frozenset[bytes]:
    """The header names that a `Connection` header declares to be hop-by-hop."""
    return frozenset(name.strip().lower() for name in value.split(b",")) if value else frozenset()


def parse_head(data: bytes) -> Head:
    """The head of an answer, without the empty line behind it.

    Raises:
        MalformedAnswerError: It is none.
    """
    lines = data.split(b"\r\n")
    version, _, status_line = lines[0].partition(b" ")
    breaks = len(lines) - 1
    stray = data.count(b"\n") != breaks or data.count(b"\r") != breaks
    if stray or not version.startswith(b"HTTP/1.") or not status_line[:3].isdigit():
        raise MalformedAnswerError("the engine's status line is damaged")
    fields = []
    for line in lines[1:]:
        name, colon, _ = line.partition(b":")
        if not colon or not name or name != name.strip():
            raise MalformedAnswerError("a header line of the engine is damaged")
        fields.append((name.lower(), line))
    return Head(int(status_line[:3]), status_line, tuple(fields))


class Body(Protocol):
    """Takes an answer's body out of the bytes of its connection."""

    @property
    def done(self) -> bool: ...

    @property
    def rest(self) -> bytes:
        """What came behind the body."""
        ...

    def feed(self, data: bytes) -> bytes:
        """The part of the content that `data` brought."""
        ...


class SizedBody:
    """A body of a known length."""

    __slots__ = ("_missing", "done", "rest")

    def __init__(self, length: int) -> None:
        self._missing = length
        self.done = length == 0
        self.rest = b""

    def feed(self, data: bytes) -> bytes:
        content = data[: self._missing]
        self._missing -= len(content)
        self.done = self._missing == 0
        self.rest = data[len(content) :]
        return content


class ChunkedBody:
    """A body in chunks (RFC 9112 §7.1). Trailers are read and left out."""

    __slots__ = ("_buffer", "_in_trailer", "_missing", "done")

    def __init__(self) -> None:
        self._buffer = b""
        self._missing = 0  # of the current chunk, with the line end behind it
        self._in_trailer = False
        self.done = False

    @property
    def rest(self) -> bytes:
        return self._buffer

    def feed(self, data: bytes) -> bytes:
        self._buffer += data
        content: list[bytes] = []
        position = 0
        while not self.done:
            if self._missing:
                taken = min(self._missing, len(self._buffer) - position)
                content.append(self._buffer[position : position + min(taken, max(0, self._missing - 2))])
                self._missing -= taken
                position += taken
                if self._missing:
                    break
            end = self._buffer.find(b"\r\n", position)
            if end < 0:
                if len(self._buffer) - position > LONGEST_CHUNK_LINE:
                    raise MalformedAnswerError("a chunk line of the engine is too long")
                break
            self._take_line(self._buffer[position:end])
            position = end + 2
        self._buffer = self._buffer[position:]
        return b"".join(content)

    def _take_line(self, line: bytes) -> None:
        if self._in_trailer:
            self.done = not line
            return
        digits = line.partition(b";")[0].strip()
        if not _HEXADECIMAL.fullmatch(digits):  # int() would take a sign and underscores as well
            raise MalformedAnswerError("a chunk size of the engine is damaged")
        size = int(digits, 16)
        self._in_trailer = size == 0
        self._missing = size + 2 if size else 0


class EndlessBody:
    """A body that ends with its connection: it is done only when the connection says so."""

    __slots__ = ("done", "rest")

    def __init__(self) -> None:
        self.done = False
        self.rest = b""

    def feed(self, data: bytes) -> bytes:
        return data

    def finish(self) -> None:
        """The connection ended."""
        self.done = True


def body_of(head: Head, method: str) -> Body:
    """How the body behind `head` is delimited (RFC 9112 §6.3).

    Raises:
        MalformedAnswerError: Its length is not a number.
    """
    if method == "HEAD" or head.status in _BODILESS:
        return SizedBody(0)
    coding = head.get(b"transfer-encoding")
    if coding is not None:
        return ChunkedBody() if coding.lower() == b"chunked" else EndlessBody()
    length = head.get(b"content-length")
    if length is None:
        return EndlessBody()
    if not length.isdigit():
        raise MalformedAnswerError("the engine's Content-Length is not a number")
    return SizedBody(int(length))


def request_head(
    method: str,
    target: bytes,
    *,
    host: bytes,
    key: str,
    fields: Iterable[tuple[bytes, bytes]],
    length: int | None,
    chunked: bool,
    version: str = "1.1",
) -> bytes:
    """A request up to its body: `fields` less what is for one hop, with the engine's own host and key.

    `version` is that of the protocol in which it came to us (RFC 9110 §7.6.3).
    """
    pairs = [(name.lower(), name, value) for name, value in fields]
    dropped = _REPLACED
    for lower, _, value in pairs:
        if lower == b"connection":
            dropped = dropped | named_by_connection(value)
    lines = [
        method.encode() + b" " + target + b" HTTP/1.1",
        b"Host: " + host,
        b"Authorization: Bearer " + key.encode(),
    ]
    lines += [name + b": " + value for lower, name, value in pairs if lower not in dropped]
    lines.append(b"Via: " + version.encode() + b" model-switcher")
    if chunked:
        lines.append(b"Transfer-Encoding: chunked")
    elif length is not None:
        lines.append(b"Content-Length: %d" % length)
    return b"\r\n".join(lines) + b"\r\n\r\n"


_REPLACED = HOP_BY_HOP | {b"host", b"authorization", b"x-api-key", b"content-length", b"expect"}

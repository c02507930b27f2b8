"""What a request calls its model: the `model` of its JSON or form body, and of its query."""

from __future__ import annotations

import asyncio
import contextlib
import re
import zlib
from email import message_from_bytes
from email.message import Message
from typing import TYPE_CHECKING
from urllib.parse import unquote_plus

import msgspec

from model_switcher.engine.background import in_background

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from aiohttp import web

LONGEST_NAME = 4096
LONGEST_PART_HEAD = 16 * 1024
MOST_PARTS = 1000
UNPACKED_LIMIT = 64 * 1024 * 1024

_FIELD = re.compile(rb"(?:^|&)model=([^&]*)")
_LIKE_JSON = re.compile(rb"[ \t\r\n]*\{")
# How the content codings of RFC 9110 §8.4.1 begin, for zlib: gzip, zlib as "deflate" should be, bare as it often is.
_WINDOWS = {"gzip": (31,), "x-gzip": (31,), "deflate": (15, -15)}


class _Named(msgspec.Struct):
    """A JSON body, of which only `model` is looked at: the decoder passes over all else without building it."""

    model: msgspec.Raw = msgspec.Raw()


_body = msgspec.json.Decoder(_Named)
_string = msgspec.json.Decoder(str)


class NameReader:
    """Finds out what requests call their models. Unpacks one compressed body at a time, to bound the memory."""

    def __init__(self) -> None:
        self._unpacking = asyncio.Semaphore(1)

    async def names_in(self, request: web.BaseRequest, data: bytes | None) -> list[str]:
        """The names in a request's body and then in its query: none, one or two; a name may be empty.

        Args:
            request: Its header.
            data: Its body as it came; None if that is not in memory.
        """
        named = await self._name_in(request, data) if data else None
        names = [] if named is None else [named]
        if "?" in request.raw_path and "model" in (query := request.rel_url.query):
            names.append(query["model"])
        return names

    async def _name_in(self, request: web.BaseRequest, data: bytes) -> str | None:
        kind = request.headers.get("Content-Type", "")
        coding = request.headers.get("Content-Encoding", "").strip().lower()
        if coding in {"", "identity"}:
            return name_in_body(data, kind)
        if coding not in _WINDOWS:
            return None
        async with self._unpacking:
            return await in_background(_name_in_packed, data, kind, _WINDOWS[coding])


def name_in_body(data: bytes, content_type: str) -> str | None:
    """The `model` of a body; None if it has none, or is damaged: then the engine will say what it thinks of it.

    A body that looks like JSON is read as such whatever its type says: so does llama-server, and `curl -d` calls
    everything a form.
    """
    kind = content_type.partition(";")[0].strip().lower()
    if kind == "multipart/form-data":
        name = _name_in_parts(data, content_type)
    elif kind == "application/x-www-form-urlencoded" and not _LIKE_JSON.match(data):
        found = _FIELD.search(data)
        name = unquote_plus(found[1].decode(errors="replace")) if found is not None else None
    else:
        name = _name_in_json(data)
    return name if name is None or len(name) <= LONGEST_NAME else None


def _name_in_json(data: bytes) -> str | None:
    """The top-level `model`, wherever it stands; the last of several, which is what llama-server's own parser takes."""
    try:
        raw = _body.decode(data).model
        return _string.decode(raw) if raw else None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def _name_in_parts(data: bytes, content_type: str) -> str | None:
    """The first field `model` of a form in parts (RFC 7578)."""
    header = Message()
    header["Content-Type"] = content_type
    boundary = header.get_boundary()
    if not boundary:
        return None
    for head, content in _parts(data, boundary.encode(errors="replace")):
        part = message_from_bytes(head)
        if part.get_param("name", header="content-disposition") == "model" and part.get_filename() is None:
            return content.decode(errors="replace")
    return None


def _parts(data: bytes, boundary: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Head and beginning of each part (RFC 2046 §5.1.1); what is damaged ends them."""
    delimiter = b"\r\n--" + boundary
    # The first delimiter may stand at the very beginning, without a line end before it.
    at = 0 if data.startswith(delimiter[2:]) else data.find(delimiter)
    for _ in range(MOST_PARTS):
        line_end = data.find(b"\r\n", at + len(delimiter) - 2) if at >= 0 else -1
        head_end = data.find(b"\r\n\r\n", line_end, line_end + LONGEST_PART_HEAD) if line_end >= 0 else -1
        at = data.find(delimiter, line_end) if head_end >= 0 else -1
        if at < 0:
            return
        if head_end < at:
            content = head_end + 4
            yield data[line_end + 2 : content], data[content : min(at, content + 4 * LONGEST_NAME + 1)]


def _name_in_packed(data: bytes, kind: str, windows: Iterable[int]) -> str | None:
    """The `model` of a compressed body; None if that is damaged, or larger than `UNPACKED_LIMIT`."""
    for window in windows:
        with contextlib.suppress(zlib.error):
            unpacking = zlib.decompressobj(window)
            content = unpacking.decompress(data, UNPACKED_LIMIT)
            return name_in_body(content, kind) if unpacking.eof else None
    return None

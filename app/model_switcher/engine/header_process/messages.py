"""What the two processes say to each other: frames of a length and as many bytes.

The reading process says `GREETING` first. Then each frame that it is sent is the path of a file, and each that it sends
what came of reading that file, in the same order.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

import msgspec

from model_switcher.domain.catalog import Rejected
from model_switcher.engine.catalog import cache
from model_switcher.engine.catalog.facts import Facts  # noqa: TC001 - msgspec asks for it

if TYPE_CHECKING:
    from typing import BinaryIO

# A program that was updated under a running instance reads for that one no longer.
GREETING = f"model-switcher, facts {cache.VERSION}".encode()
# A path has some hundred bytes, what a header says some thousand; its longest text may have a million.
LONGEST_FRAME = 16 << 20

_LENGTH = struct.Struct(">I")


class Answer(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """What came of reading a file's header: one of the two."""

    facts: Facts | None = None
    rejected: Rejected | None = None

    @classmethod
    def of(cls, outcome: Facts | Rejected) -> Answer:
        """The form of an outcome."""
        return cls(rejected=outcome) if isinstance(outcome, Rejected) else cls(facts=outcome)


_decoder = msgspec.msgpack.Decoder(Answer)


def encode(outcome: Facts | Rejected) -> bytes:
    """An outcome as the content of a frame."""
    return msgspec.msgpack.encode(Answer.of(outcome))


def decode(content: bytes) -> Facts | Rejected:
    """What `encode` wrote.

    Raises:
        ValueError: It is something else.
    """
    try:
        answer = _decoder.decode(content)
    except (msgspec.MsgspecError, RecursionError) as error:
        raise ValueError(str(error)) from error
    outcome = answer.facts or answer.rejected
    if outcome is None:
        raise ValueError("an empty answer")
    return outcome


def frame(content: bytes) -> bytes:
    """`content` with its length before it."""
    return _LENGTH.pack(len(content)) + content


def read_frame(source: BinaryIO) -> bytes | None:
    """The next content; None at the end. Blocks."""
    head = source.read(_LENGTH.size)
    if len(head) < _LENGTH.size:
        return None
    (length,) = _LENGTH.unpack(head)
    content = source.read(length)
    return content if len(content) == length else None


class Frames:
    """Puts frames together again that arrive in pieces."""

    def __init__(self) -> None:
        self._data = bytearray()

    def feed(self, piece: bytes) -> list[bytes]:
        """What was completed by `piece`.

        Raises:
            ValueError: These are no frames.
        """
        data = self._data
        data += piece
        whole: list[bytes] = []
        while len(data) >= _LENGTH.size:
            (length,) = _LENGTH.unpack_from(data)
            if length > LONGEST_FRAME:
                raise ValueError(f"a frame of {length} bytes")
            end = _LENGTH.size + length
            if len(data) < end:
                break
            whole.append(bytes(data[_LENGTH.size : end]))
            del data[:end]
        return whole

"""Text on its way to a terminal, or into a file in place of one."""

from __future__ import annotations

import codecs
import io
import struct
import sys

_ESCAPE = "escape_as_in_json"


def prepare_output() -> None:
    """Have what the output cannot take written as JSON writes it, by its number, instead of failing.

    On Windows, output that goes into a file has a code page of some two hundred characters.
    """
    codecs.register_error(_ESCAPE, _escape)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors=_ESCAPE)


def shown(text: str) -> str:
    """`text` without what would move the cursor, colour the terminal or turn the direction of writing.

    Names of files may hold every character but two.
    """
    if text.isprintable():
        return text
    return "".join(character if character.isprintable() else _escaped(character) for character in text)


def _escape(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return _escaped(error.object[error.start : error.end]), error.end


def _escaped(text: str) -> str:
    units = text.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{unit:04x}" for (unit,) in struct.iter_unpack(">H", units))

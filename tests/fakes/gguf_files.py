"""GGUF files for tests: small models, and files that break careless readers."""

from __future__ import annotations

import os
import socket
import struct
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from model_switcher.domain.catalog import Reject
from model_switcher.engine.gguf.writer import TensorData, write_gguf

if TYPE_CHECKING:
    from collections.abc import Callable

GIB = 1024**3
ARRAY, STRING, UINT8, UINT32 = 9, 8, 0, 4


def text(value: str | bytes, order: str = "<") -> bytes:
    """A string as it stands in a header."""
    data = value.encode() if isinstance(value, str) else value
    return struct.pack(f"{order}Q", len(data)) + data


def preamble(tensors: int, keys: int, version: int = 3, order: str = "<") -> bytes:
    return b"GGUF" + struct.pack(f"{order}IQQ", version, tensors, keys)


def entry(key: str, kind: int, value: bytes, order: str = "<") -> bytes:
    return text(key, order) + struct.pack(f"{order}I", kind) + value


def array(key: str, element: int, count: int, data: bytes = b"") -> bytes:
    return entry(key, ARRAY, struct.pack("<IQ", element, count) + data)


def tensor(
    shape: tuple[int, ...], kind: int = 0, offset: int = 0, order: str = "<", name: str = "t"
) -> bytes:
    form = f"{order}I{len(shape)}QIQ"
    return text(name, order) + struct.pack(form, len(shape), *shape, kind, offset)


ARCHITECTURE = entry("general.architecture", STRING, text("llama"))
BIG_ARCHITECTURE = entry("general.architecture", STRING, text("llama", ">"), ">")


def one_tensor(table: bytes, *, more: bytes = b"", keys: int = 1, data: int = 256) -> bytes:
    return preamble(1, keys) + ARCHITECTURE + more + table + bytes(data)


def two_keys(more: bytes) -> bytes:
    return preamble(0, 2) + ARCHITECTURE + more


_WHOLE = one_tensor(tensor((32,)))

# Name, contents, and the one code that the catalog gives it.
HOSTILE_BYTES: dict[str, tuple[bytes, Reject]] = {
    "cut-in-vocabulary": (two_keys(array("tokens", STRING, 1000, text("a") * 10)), Reject.TRUNCATED),
    "cut-in-preamble": (preamble(0, 1)[:20], Reject.TRUNCATED),
    "cut-after-magic": (b"GGUF", Reject.TRUNCATED),
    "cut-in-key": (two_keys(text("general.name")[:-3]), Reject.TRUNCATED),
    "cut-in-tensor-table": (preamble(2, 1) + ARCHITECTURE + tensor((32,)), Reject.TRUNCATED),
    "cut-in-data": (one_tensor(tensor((1024,))), Reject.TRUNCATED),
    "string-of-2-to-63": (
        two_keys(entry("general.name", STRING, struct.pack("<Q", 1 << 63))),
        Reject.DAMAGED,
    ),
    "string-of-8-gb": (two_keys(entry("general.name", STRING, struct.pack("<Q", 8 * GIB))), Reject.DAMAGED),
    "key-of-2-to-63": (two_keys(struct.pack("<Q", 1 << 63)), Reject.DAMAGED),
    "strings-2-to-62": (two_keys(array("tokens", STRING, 1 << 62, text("a") * 10)), Reject.DAMAGED),
    "string-of-2-to-63-in-array": (
        two_keys(array("tokens", STRING, 2, struct.pack("<QQ", 1 << 63, 1))),
        Reject.DAMAGED,
    ),
    "bytes-2-to-62": (two_keys(array("x", UINT8, 1 << 62, b"aaaa")), Reject.DAMAGED),
    "bytes-4-gb": (two_keys(array("x", UINT8, 4 * GIB, b"aaaa")), Reject.DAMAGED),
    "old-magic": (b"GGML" + _WHOLE[4:], Reject.NOT_GGUF),
    "version-1": (b"GGUF" + struct.pack("<III", 1, 0, 1) + ARCHITECTURE, Reject.VERSION),
    "version-99": (preamble(0, 1, 99) + ARCHITECTURE, Reject.VERSION),
    "version-0": (preamble(0, 1, 0) + ARCHITECTURE, Reject.VERSION),
    "big-endian": (
        preamble(1, 1, order=">") + BIG_ARCHITECTURE + tensor((32,), order=">") + bytes(256),
        Reject.VERSION,
    ),
    "tensor-far-away": (one_tensor(tensor((32,), offset=1 << 40)), Reject.DAMAGED),
    "dimensions-overflow": (one_tensor(tensor((1 << 40, 1 << 40))), Reject.DAMAGED),
    "dimensions-2-to-31": (one_tensor(text("t") + struct.pack("<I", 1 << 31)), Reject.DAMAGED),
    "type-999": (one_tensor(tensor((32, 32), kind=999), data=8192), Reject.DAMAGED),
    "half-a-block": (one_tensor(tensor((33,), kind=8)), Reject.DAMAGED),
    "tensor-twice": (preamble(2, 1) + ARCHITECTURE + tensor((0,)) * 2 + bytes(99), Reject.DAMAGED),
    "tensors-overlap": (
        preamble(2, 1) + ARCHITECTURE + tensor((32,)) + tensor((32,), offset=64, name="u") + bytes(512),
        Reject.DAMAGED,
    ),
    "architecture-a-number": (
        one_tensor(tensor((32,))).replace(ARCHITECTURE, entry("general.architecture", UINT32, bytes(4))),
        Reject.DAMAGED,
    ),
    "name-a-list": (
        one_tensor(tensor((32,)), more=array("general.name", STRING, 1, text("a")), keys=2),
        Reject.DAMAGED,
    ),
    "context-a-text": (
        one_tensor(tensor((32,)), more=entry("llama.context_length", STRING, text("long")), keys=2),
        Reject.DAMAGED,
    ),
    "counts-2-to-60": (preamble(1 << 60, 1 << 60) + ARCHITECTURE, Reject.DAMAGED),
    "tensors-2-to-31": (preamble(1 << 31, 1) + ARCHITECTURE + bytes(4096), Reject.DAMAGED),
    "nested-arrays": (
        two_keys(entry("a", ARRAY, struct.pack("<IQ", ARRAY, 1) * 100_000 + struct.pack("<IQ", 4, 0))),
        Reject.DAMAGED,
    ),
    "key-twice": (preamble(1, 2) + ARCHITECTURE * 2 + tensor((32,)) + bytes(256), Reject.DAMAGED),
    "key-without-name": (two_keys(entry("", UINT32, bytes(4))), Reject.DAMAGED),
    "key-that-is-no-text": (
        two_keys(text(b"\xff\xfe\xff\xfe") + struct.pack("<II", UINT32, 1)),
        Reject.NOT_A_MODEL,
    ),
    "alignment-0": (
        one_tensor(tensor((32,)), more=entry("general.alignment", UINT32, bytes(4)), keys=2),
        Reject.DAMAGED,
    ),
    "value-type-77": (two_keys(entry("x", 77, bytes(64))), Reject.DAMAGED),
    "empty": (b"", Reject.EMPTY),
    "three-bytes": (b"GGU", Reject.NOT_GGUF),
    "web-page": (b"<!DOCTYPE html><html>404</html>" * 20, Reject.NOT_GGUF),
    "lfs-pointer": (b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"a" * 64, Reject.NOT_GGUF),
    "no-architecture": (preamble(1, 0) + tensor((32,)) + bytes(256), Reject.NOT_A_MODEL),
}


def _sparse(beginning: bytes) -> Callable[[Path], None]:
    def make(path: Path) -> None:
        with path.open("wb") as file:
            file.write(beginning)
            file.truncate(GIB)

    return make


def _socket(path: Path) -> None:
    # The path of a socket is short; the folder of a test may not be.
    before = Path.cwd()
    os.chdir(path.parent)
    try:
        with socket.socket(socket.AF_UNIX) as endpoint:
            endpoint.bind(path.name)
    finally:
        os.chdir(before)


HOSTILE_MAKERS: dict[str, tuple[Callable[[Path], None], Reject]] = {
    "zeros-1-gb": (_sparse(b""), Reject.NOT_GGUF),
    "magic-and-zeros-1-gb": (_sparse(preamble(1 << 24, 1 << 24)), Reject.DAMAGED),
    "keys-of-zeros-1-gb": (_sparse(preamble(60_000, 60_000)), Reject.DAMAGED),
    "tensors-of-zeros-1-gb": (_sparse(preamble(100_000, 1) + ARCHITECTURE), Reject.DAMAGED),
    "empty-strings-1-gb": (_sparse(two_keys(array("x", STRING, 1 << 24))), Reject.DAMAGED),
}
if sys.platform != "win32":
    HOSTILE_MAKERS |= {
        "pipe": (os.mkfifo, Reject.NOT_A_FILE),
        "socket": (_socket, Reject.NOT_A_FILE),
        "device": (lambda path: path.symlink_to("/dev/zero"), Reject.NOT_A_FILE),
        "link-to-itself": (lambda path: path.symlink_to(path), Reject.UNREADABLE),
        "link-to-nothing": (lambda path: path.symlink_to(path.with_name("gone")), Reject.NOT_A_FILE),
    }


def make_hostile(folder: Path) -> dict[str, Reject]:
    """Write every hostile file into `folder`; returns the expected code by path."""
    expected: dict[str, Reject] = {}
    for name, (data, code) in HOSTILE_BYTES.items():
        path = folder / f"{name}.gguf"
        path.write_bytes(data)
        expected[str(path)] = code
    for name, (make, code) in HOSTILE_MAKERS.items():
        path = folder / f"{name}.gguf"
        make(path)
        expected[str(path)] = code
    return expected


def write_model(
    path: Path, *, types: dict[str, int] | None = None, tensors: bool = True, **metadata: Any
) -> Path:
    """A file with a model's header and a few weights, which no engine would load.

    Args:
        path: Where to; missing folders are made.
        types: Number of rows of 256 weights of each tensor type.
        tensors: False for a file without any.
        metadata: Keys with `__` for each dot; `general.architecture` is "llama" unless given, None leaves a key out.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    keys = {"general.architecture": "llama"} | {
        key.replace("__", "."): value for key, value in metadata.items()
    }
    table = []
    for kind, rows in (types or {"F16": 1}).items():
        empty = TensorData(name=f"{kind}.weight", type=kind, shape=(256, rows), data=())
        table.append(TensorData(name=empty.name, type=kind, shape=empty.shape, data=[bytes(empty.size)]))
    write_gguf(
        path,
        {key: value for key, value in keys.items() if value is not None},
        table if tensors else (),
    )
    return path


def write_shards(folder: Path, prefix: str, count: int, *, leave_out: tuple[int, ...] = ()) -> list[Path]:
    """A split model: the first part has the metadata, the others only their number, as gguf-split writes them."""
    paths = []
    for number in range(1, count + 1):
        if number in leave_out:
            continue
        first: dict[str, Any] = (
            {"general__name": "Split", "llama__context_length": 8192}
            if number == 1
            else {"general__architecture": None}
        )
        paths.append(
            write_model(
                folder / f"{prefix}-{number:05}-of-{count:05}.gguf",
                split__no=number - 1,
                split__count=count,
                **first,
            )
        )
    return paths

from __future__ import annotations

import os
import struct
import subprocess
import sys
from random import Random
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fakes.gguf_files import ARCHITECTURE, HOSTILE_BYTES, STRING, UINT32, array, entry, preamble, tensor, text
from fuzz import fuzz_header
from fuzz.mutate import mutate
from fuzz.parts import parse
from fuzz.seeds import NO_HOLE, SMALL_BUFFER, seeds
from fuzz.target import Finding, Target, compare
from model_switcher.domain.catalog import Reject
from model_switcher.engine.catalog import scan
from model_switcher.engine.gguf import Header, HeaderError, cursor, read_header
from model_switcher.engine.gguf.short_strings import AT_ONCE

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

# What people are told; each of these once broke some reader of GGUF files.
REASONS = {
    "big-endian": "byte order",
    "version-1": "GGUF version 1, older than what can be read",
    "counts-2-to-60": "impossible counts",
    "strings-2-to-62": "impossible counts",
    "bytes-2-to-62": "impossible lengths",
    "string-of-2-to-63": "impossible lengths",
    "key-of-2-to-63": "impossible lengths",
    "string-of-2-to-63-in-array": "impossible lengths",
    "key-twice": "has the key 'general.architecture' twice",
    "architecture-a-number": "has a whole number as general.architecture, which must be text",
    "name-a-list": "has a list as general.name, which must be text",
    "context-a-text": "has text as llama.context_length, which must be a whole number",
    "value-type-77": "a value of an unknown type",
    "nested-arrays": "an array of an unknown type",
    "type-999": "impossible tensor",
    "tensor-far-away": "the places of its tensors contradict each other",
    "tensors-overlap": "the places of its tensors contradict each other",
    "tensor-twice": "two of its tensors have the same name",
    "cut-in-data": "the file ends",
}


@pytest.mark.parametrize("name", list(REASONS))
def test_a_hostile_file_has_one_clear_reason_in_the_catalog(tmp_path: Path, name: str) -> None:
    data, code = HOSTILE_BYTES[name]
    (tmp_path / "file.gguf").write_bytes(data)
    catalog = scan([tmp_path])
    assert not catalog.models
    (rejected,) = catalog.rejected
    assert rejected.code == code
    assert REASONS[name] in rejected.reason


def test_ten_thousand_changed_headers_are_read_as_they_are_or_refused() -> None:
    random = Random(20_260)  # noqa: S311 - to be the same each time
    pool = list(seeds())
    with Target() as target:
        for seed in pool:
            target.run(seed)
        while target.executions < 10_000:
            seed = random.choice(pool)
            changed = random.choice((NO_HOLE, SMALL_BUFFER, seed[:1])) + mutate(seed[1:], random)
            # What is accepted is worth changing further, and some of what is not.
            if target.run(changed) is not None or random.random() < 0.02:
                pool.append(changed)
        assert target.accepted > 500


def joined(piece: Callable[[int], bytes], count: int) -> bytes:
    return b"".join(piece(number) for number in range(count))


# Files that ask for nearly as much as the limits allow, each in another way.
GREEDY: dict[str, Callable[[], bytes]] = {
    "tensors": lambda: (
        preamble(50_000, 1)
        + ARCHITECTURE
        + joined(lambda n: tensor((32,), offset=128 * n, name=f"{n:012}"), 50_000)
        + bytes(129 * 50_000)
    ),
    "keys": lambda: preamble(0, 50_000) + joined(lambda n: entry(str(n), UINT32, b"\1\2\3\4"), 50_000),
    "short arrays": lambda: preamble(0, 50_000) + joined(lambda n: array(str(n), 10, 1, b"\1" * 8), 50_000),
    "short lists of strings": lambda: (
        preamble(0, 50_000) + joined(lambda n: array(str(n), STRING, 1, text("a")), 50_000)
    ),
    "lists of 256 strings": lambda: (
        preamble(0, 8192) + joined(lambda n: array(str(n), STRING, 256, bytes(2048)), 8192)
    ),
    "wide text": lambda: (
        preamble(0, 16)
        + joined(lambda n: entry(str(n), STRING, text("\N{GRINNING FACE}" + "a" * 1_000_000)), 16)
    ),
    "empty strings": lambda: preamble(0, 1) + array("x", STRING, 1 << 21, bytes(8 << 21)),
    "long strings between short ones": lambda: (
        preamble(0, 1)
        + array("x", STRING, 63 << 14, (text("") * (AT_ONCE - 2) + text("a" * 300)) * (1 << 14))
    ),
}


@pytest.mark.parametrize("name", list(GREEDY))
def test_the_most_that_a_file_can_ask_for_is_little_time_and_memory(tmp_path: Path, name: str) -> None:
    path = tmp_path / "input"
    path.write_bytes(NO_HOLE + GREEDY[name]())
    # In a process of its own: memory that this one had before and gave back would hide what is taken.
    replay = subprocess.run(
        [sys.executable, fuzz_header.__file__, "--replay", path],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (replay.returncode, replay.stderr) == (0, "")
    assert replay.stdout.startswith("accepted")


def test_the_harness_sees_what_a_reader_does_wrong(tmp_path: Path) -> None:
    path = tmp_path / "a.gguf"
    data = preamble(0, 2) + ARCHITECTURE + entry("k", UINT32, bytes(4))
    path.write_bytes(data)
    header = read_header(path)
    compare(header, data)
    with pytest.raises(Finding, match="other keys"):
        compare(header, preamble(0, 1) + entry("k", UINT32, bytes(4)))
    with pytest.raises(Finding, match="other tensors"):
        compare(header, preamble(1, 2) + data[24:] + tensor((32,)))
    with pytest.raises(Finding, match="cannot be parsed"):
        compare(header, data[:-1])


def test_a_header_taken_apart_and_put_together_is_the_same() -> None:
    for seed in seeds():
        parts, _ = parse(seed[1:])
        assert seed[1:5] != b"GGUF" or len(seed) < 25 or parts.encode() == seed[1:]


def test_a_change_is_the_same_for_the_same_seed() -> None:
    data = next(seeds())[1:]
    changed = {mutate(data, Random(7)) for _ in range(3)}  # noqa: S311 - as above
    assert len(changed) == 1
    assert changed != {data}


@settings(max_examples=150, deadline=None)
@given(
    lengths=st.lists(st.integers(0, 100) | st.sampled_from([79, 80, 81, 255, 256, 300]), max_size=400),
    content=st.sampled_from([b"\0", b"\n", b"\1", b"\xff"]),
    chunk=st.sampled_from([32, 64, 100, 1000, 256 * 1024]),
    big_endian=st.booleans(),
)
def test_strings_of_every_length_are_passed_over_wherever_the_buffer_ends(
    tmp_path_factory: pytest.TempPathFactory,
    lengths: list[int],
    content: bytes,
    chunk: int,
    *,
    big_endian: bool,
) -> None:
    order = ">" if big_endian else "<"
    # Long enough not to be kept as a list.
    lengths += [3] * 257
    strings = b"".join(struct.pack(f"{order}Q", length) + content * length for length in lengths)
    data = preamble(0, 2, order=order) + text("tokens", order)
    data += struct.pack(f"{order}IIQ", 9, STRING, len(lengths)) + strings
    data += entry("after", UINT32, struct.pack(f"{order}I", 77), order)
    path = tmp_path_factory.getbasetemp() / "strings.gguf"
    path.write_bytes(data)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cursor, "CHUNK", chunk)
        header = read_header(path)
    assert isinstance(header, Header)
    assert header.arrays == {"tokens": ("string", len(lengths))}
    assert header.metadata == {"after": 77}


def test_a_vocabulary_cut_short_anywhere_is_refused_as_such(tmp_path: Path) -> None:
    data = preamble(0, 2) + ARCHITECTURE + array("tokens", STRING, 500, text("word") * 500)
    path = tmp_path / "cut.gguf"
    for length in range(len(data) - 12 * 130, len(data), 5):
        path.write_bytes(data[:length])
        with pytest.raises(HeaderError) as caught:
            read_header(path)
        assert caught.value.code is Reject.TRUNCATED

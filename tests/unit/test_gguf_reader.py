from __future__ import annotations

import struct
import tempfile
import tracemalloc
from pathlib import Path

import gguf
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fakes.gguf_files import (
    ARCHITECTURE,
    BIG_ARCHITECTURE,
    HOSTILE_BYTES,
    HOSTILE_MAKERS,
    UINT32,
    array,
    entry,
    one_tensor,
    preamble,
    tensor,
    text,
)
from model_switcher.domain.catalog import Reject
from model_switcher.domain.tensor_types import TENSOR_TYPES
from model_switcher.engine.catalog import scan
from model_switcher.engine.demo_models import write_llama
from model_switcher.engine.gguf import Header, HeaderError, read_header

MIB = 1024**2
# Whole files that the reader accepts and the catalog rejects for what they are.
READABLE = {"big-endian", "key-that-is-no-text", "no-architecture"}


def read_bytes(folder: Path, data: bytes) -> Header:
    path = folder / "file.gguf"
    path.write_bytes(data)
    return read_header(path)


def refused(folder: Path, data: bytes) -> HeaderError:
    with pytest.raises(HeaderError) as caught:
        read_bytes(folder, data)
    return caught.value


@pytest.mark.parametrize("name", [name for name in HOSTILE_BYTES if name not in READABLE])
def test_a_hostile_file_is_refused_with_its_code(tmp_path: Path, name: str) -> None:
    data, code = HOSTILE_BYTES[name]
    error = refused(tmp_path, data)
    assert error.code is code
    assert error.reason
    assert not error.reason.endswith(".")


@pytest.mark.parametrize("name", list(HOSTILE_MAKERS))
def test_a_hostile_thing_is_refused_without_waiting_or_filling_memory(tmp_path: Path, name: str) -> None:
    path = tmp_path / "thing.gguf"
    HOSTILE_MAKERS[name][0](path)
    tracemalloc.start()
    try:
        with pytest.raises((HeaderError, OSError)):
            read_header(path)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 64 * MIB


def test_a_file_that_ends_in_its_weights_says_how_much_is_missing(tmp_path: Path) -> None:
    data = one_tensor(tensor((1024, 1024, 320)), data=0)
    data = data.ljust(-(-len(data) // 32) * 32, b"\0")
    assert refused(tmp_path, data).reason == "the file ends 1.2 GiB early; download it again"
    small = one_tensor(tensor((32,)), data=0)
    small = small.ljust(-(-len(small) // 32) * 32, b"\0") + bytes(100)
    assert refused(tmp_path, small).reason == "the file ends 28 bytes early; download it again"


def test_what_a_file_really_is_is_named(tmp_path: Path) -> None:
    beginnings = {
        b"\n<html>": "web page",
        b'{"error": "401"}': "server's answer",
        b"version https://git-lfs": "Git LFS pointer",
        b"lmgg....": "gave up for GGUF",
        b"PK\x03\x04....": "archive",
        bytes(100): "zeros",
        b"hello": "not a GGUF file",
    }
    for beginning, phrase in beginnings.items():
        error = refused(tmp_path, beginning)
        assert error.code is Reject.NOT_GGUF
        assert phrase in error.reason


def test_a_folder_is_not_a_file(tmp_path: Path) -> None:
    with pytest.raises((HeaderError, PermissionError)) as caught:
        read_header(tmp_path)
    if isinstance(caught.value, HeaderError):
        assert caught.value.code is Reject.NOT_A_FILE


def test_a_big_endian_header_is_read(tmp_path: Path) -> None:
    data = (
        preamble(1, 3, order=">")
        + BIG_ARCHITECTURE
        + entry("llama.block_count", UINT32, struct.pack(">I", 32), ">")
        + text("tokens", ">")
        + struct.pack(">IIQ", 9, 8, 2)
        + text("a", ">")
        + text("bc", ">")
        + tensor((32, 4), order=">")
        + bytes(1024)
    )
    header = read_bytes(tmp_path, data)
    assert header.big_endian
    assert header.version == 3
    assert header.metadata == {
        "general.architecture": "llama",
        "llama.block_count": 32,
        "tokens": ("a", "bc"),
    }
    assert header.arrays == {"tokens": ("string", 2)}
    assert header.tensors[0].shape == (32, 4)


def test_short_lists_of_short_strings_are_kept_and_others_passed_over(tmp_path: Path) -> None:
    header = read_bytes(
        tmp_path,
        preamble(0, 5)
        + ARCHITECTURE
        + array("general.languages", 8, 2, text("en") + text("de"))
        + array("none", 8, 0)
        + array("long", 8, 2, text("a") + text("x" * 2000))
        + array("many", 8, 257, text("a") * 257),
    )
    assert header.metadata == {
        "general.architecture": "llama",
        "general.languages": ("en", "de"),
        "none": (),
    }
    assert header.arrays["many"] == ("string", 257)


def test_version_2_is_read(tmp_path: Path) -> None:
    assert read_bytes(tmp_path, preamble(0, 1, 2) + ARCHITECTURE).version == 2


def test_a_tensor_of_a_type_that_is_unknown_has_no_size_and_does_no_harm(tmp_path: Path) -> None:
    header = read_bytes(
        tmp_path,
        preamble(2, 1)
        + ARCHITECTURE
        + tensor((32,), kind=137)
        + tensor((32,), offset=64, name="u")
        + bytes(512),
    )
    unknown, known = header.tensors
    assert (unknown.type_name, unknown.size, unknown.elements) == (None, None, 32)
    assert (known.type_name, known.size) == ("F32", 128)


def test_long_arrays_of_numbers_and_long_strings_are_passed_over(tmp_path: Path) -> None:
    long_string = entry("general.description", 8, text("x" * (2 * MIB)))
    long_array = array("scores", UINT32, 10_000, bytes(40_000))
    short_array = array("rope.sections", UINT32, 3, struct.pack("<3I", 1, 2, 3))
    header = read_bytes(tmp_path, preamble(0, 4) + ARCHITECTURE + long_string + long_array + short_array)
    assert header.metadata == {"general.architecture": "llama", "rope.sections": (1, 2, 3)}
    assert header.arrays == {"scores": ("uint32", 10_000), "rope.sections": ("uint32", 3)}


def test_strings_longer_than_the_buffer_are_passed_over(tmp_path: Path) -> None:
    strings = text("x" * 700_000) + text("") + text("y" * 300_000) + text("z") * 40_000
    header = read_bytes(tmp_path, preamble(0, 2) + array("tokens", 8, 40_003, strings) + ARCHITECTURE)
    assert header.arrays == {"tokens": ("string", 40_003)}
    assert header.metadata == {"general.architecture": "llama"}


def test_few_numbers_in_memory_however_many_arrays_a_file_has(tmp_path: Path) -> None:
    arrays = b"".join(array(f"a{number}", 0, 4096, bytes(4096)) for number in range(4000))
    path = tmp_path / "arrays.gguf"
    path.write_bytes(preamble(0, 4000) + arrays)
    del arrays
    tracemalloc.start()
    try:
        header = read_header(path)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(header.arrays) == 4000
    assert peak < 32 * MIB


def test_only_the_header_is_read_of_a_large_file(tmp_path: Path) -> None:
    path = tmp_path / "large.gguf"
    path.write_bytes(one_tensor(tensor((1024, 1024, 256)), data=0))
    with path.open("r+b") as file:
        file.truncate(1024**3 + 4096)
    header = read_header(path)
    assert header.file_size == 1024**3 + 4096
    assert header.bytes_read <= 512 * 1024


def test_the_tensor_types_agree_with_the_gguf_package() -> None:
    theirs = {kind.value: (kind.name, *gguf.GGML_QUANT_SIZES[kind]) for kind in gguf.GGMLQuantizationType}
    # In memory only; the package has the size it had before its scales became half precision.
    theirs[9] = ("Q8_1", 32, 36)
    assert {number: tuple(TENSOR_TYPES[number]) for number in theirs} == theirs


def test_our_reader_and_the_gguf_package_see_the_same(tmp_path: Path) -> None:
    path = write_llama(tmp_path / "m.gguf", name="Same", seed=5)
    ours, theirs = read_header(path), gguf.GGUFReader(path)
    assert ours.data_offset == theirs.data_offset
    assert [
        (t.name, t.type, t.shape, ours.data_offset + t.offset, t.elements, t.size) for t in ours.tensors
    ] == [
        (t.name, t.tensor_type.value, tuple(t.shape.tolist()), t.data_offset, t.n_elements, t.n_bytes)
        for t in theirs.tensors
    ]
    keys = {key for key in theirs.fields if not key.startswith("GGUF.")}
    assert keys == ours.metadata.keys() | ours.arrays.keys()
    for key, value in ours.metadata.items():
        contents = theirs.fields[key].contents()
        assert (list(value) if isinstance(value, tuple) else value) == contents
    for key, (_, count) in ours.arrays.items():
        assert len(theirs.fields[key].contents()) == count


@pytest.fixture(scope="module")
def real_model(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return write_llama(tmp_path_factory.mktemp("real") / "m.gguf", name="Real", seed=1).read_bytes()


@settings(max_examples=150, deadline=None)
@given(share=st.floats(0, 1, exclude_max=True), in_header=st.booleans())
def test_a_model_cut_anywhere_is_refused(real_model: bytes, share: float, in_header: bool) -> None:
    length = int(share * (14_000 if in_header else len(real_model)))
    with tempfile.TemporaryDirectory() as folder:
        code = refused(Path(folder), real_model[:length]).code
    expected = Reject.EMPTY if length == 0 else Reject.NOT_GGUF if length < 4 else Reject.TRUNCATED
    assert code is expected


@settings(max_examples=300, deadline=None)
@given(
    changes=st.lists(
        st.tuples(st.integers(0, 14_000), st.sampled_from([0, 1, 8, 9, 127, 255]) | st.integers(0, 255)),
        min_size=1,
        max_size=8,
    )
)
def test_a_model_with_changed_bytes_is_read_or_refused_and_nothing_else(
    real_model: bytes, changes: list[tuple[int, int]]
) -> None:
    data = bytearray(real_model[:100_000])
    for position, value in changes:
        data[position] = value
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "m.gguf")
        path.write_bytes(data + real_model[100_000:])
        catalog = scan([folder])
    assert len(catalog.models) + len(catalog.rejected) == 1

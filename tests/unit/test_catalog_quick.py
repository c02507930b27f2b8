from __future__ import annotations

import os
import tempfile
from dataclasses import fields
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakes.gguf_files import (
    ARRAY,
    STRING,
    array,
    entry,
    make_hostile,
    preamble,
    text,
    write_model,
    write_shards,
)
from model_switcher.domain.catalog import Catalog, Kind, Model, Reject
from model_switcher.engine.catalog import HeaderReader, scan
from model_switcher.engine.catalog.assemble import Found
from model_switcher.engine.catalog.facts import facts_by_name, first_facts
from model_switcher.engine.catalog.scan import catalog_of, read_all, with_places
from model_switcher.engine.catalog.walk import Candidate, Walk
from model_switcher.engine.gguf.beginning import MAX_BEGINNING, read_beginning
from model_switcher.engine.gguf.writer import TensorData, Writable, write_gguf


def quick(folder: Path) -> Catalog:
    walk = Walk(lambda: False)
    found, rejected = read_all(walk.through([folder]), HeaderReader().quick)
    return catalog_of(with_places(found, walk.places), rejected)


def with_vocabulary(path: Path, tokens: int = 20_000, **metadata: object) -> Path:
    """A model as converters write it: the vocabulary first, then template, file type and part numbers."""
    last = {key: metadata.pop(key) for key in ("split__no", "split__count") if key in metadata}
    return write_model(
        path,
        **metadata,
        tokenizer__ggml__tokens=[f"token {number}" for number in range(tokens)],
        tokenizer__chat_template="{{ tools }}",
        general__file_type=7,
        **last,
    )


def test_names_sizes_and_dimensions_are_known_before_the_vocabulary_is_read(tmp_path: Path) -> None:
    path = with_vocabulary(
        tmp_path / "Some-Q8_0.gguf",
        general__name="Some Model",
        general__license="mit",
        general__languages=["en", "fr"],
        llama__block_count=3,
        llama__context_length=4096,
        llama__attention__head_count=[4, 8, 0],
    )
    (model,) = quick(tmp_path).models
    assert model == Model(
        id="some-q8_0",
        name="Some Model",
        path=str(path),
        files=(str(path),),
        places=(str(path),),
        size=path.stat().st_size,
        architecture="llama",
        context_length=4096,
        block_count=3,
        head_count=8,
        head_count_kv=8,
        license="mit",
        languages=("en", "fr"),
    )
    assert (model.quantization, model.parameters, model.chat_template, model.tools) == (None,) * 4


def test_what_the_quick_pass_says_the_full_one_says_too(tmp_path: Path) -> None:
    with_vocabulary(tmp_path / "a.gguf", general__name="A", llama__embedding_length=64)
    with_vocabulary(tmp_path / "e.gguf", general__architecture="bert", bert__pooling_type=2)
    write_model(
        tmp_path / "mmproj-a.gguf",
        general__architecture="clip",
        general__type="mmproj",
        clip__vision__projection_dim=64,
    )
    write_model(tmp_path / "lora.gguf", general__type="adapter", adapter__type="lora")
    write_model(tmp_path / "vocabulary.gguf", tensors=False)
    write_shards(tmp_path, "split", 3)
    first, whole = quick(tmp_path), scan([tmp_path])
    assert first.rejected == whole.rejected
    assert [model.id for model in first.models] == [model.id for model in whole.models]
    for early, late in zip(first.models, whole.models, strict=True):
        for field in fields(Model):
            if (value := getattr(early, field.name)) is not None:
                assert value == getattr(late, field.name)
    assert {model.kind for model in first.models} == {Kind.TEXT, Kind.EMBEDDING}
    assert [model.id for model in first.models if model.vision] == ["a"]


def test_part_numbers_behind_the_vocabulary_are_taken_from_the_name(tmp_path: Path) -> None:
    with_vocabulary(tmp_path / "m-00001-of-00002.gguf", split__no=0, split__count=2)
    write_model(tmp_path / "m-00002-of-00002.gguf", split__no=1, split__count=2, general__architecture=None)
    (model,) = quick(tmp_path).models
    assert len(model.files) == 2
    (tmp_path / "m-00002-of-00002.gguf").unlink()
    assert [entry.code for entry in quick(tmp_path).rejected] == [Reject.INCOMPLETE]


def test_a_header_that_hides_its_architecture_behind_the_vocabulary_is_read_whole(tmp_path: Path) -> None:
    path = tmp_path / "a.gguf"
    metadata: dict[str, Writable] = {
        "tokenizer.ggml.tokens": ["a"] * 50_000,
        "general.architecture": "qwen3",
    }
    write_gguf(path, metadata, [TensorData(name="t", type="F32", shape=(256,), data=[bytes(1024)])])
    assert read_beginning(path) is None
    (model,) = quick(tmp_path).models
    assert (model.architecture, model.parameters) == ("qwen3", 256)


def test_files_that_are_no_gguf_files_are_rejected_at_once(tmp_path: Path) -> None:
    expected = make_hostile(tmp_path)
    early = {Reject.EMPTY, Reject.NOT_A_FILE, Reject.NOT_GGUF, Reject.UNREADABLE, Reject.VERSION}
    rejected = {entry.path: entry.code for entry in quick(tmp_path).rejected}
    for path, code in expected.items():
        if code in early:
            assert rejected[path] == code
        elif path in rejected:
            assert rejected[path] in {code, Reject.NOT_A_MODEL}


@pytest.mark.parametrize("keys", [1, 40])
def test_only_the_beginning_is_read(tmp_path: Path, keys: int) -> None:
    path = tmp_path / "a.gguf"
    long = b"".join(entry(f"general.k{number}", STRING, text("x" * 5000)) for number in range(keys))
    path.write_bytes(
        preamble(1, keys + 2) + entry("general.architecture", STRING, text("llama")) + long + b"\xff" * 99
    )
    beginning = read_beginning(path)
    assert beginning is not None
    assert not beginning.all_keys
    assert len(beginning.metadata) == 1 + min(keys, MAX_BEGINNING // 5000)


def test_a_file_is_listed_by_its_name_before_it_is_opened(tmp_path: Path) -> None:
    names = ["Big-00001-of-00002.gguf", "Big-00002-of-00002.gguf", "one.gguf", "mmproj-one.gguf"]
    found = [
        Found(Candidate(f"/m/{name}", (1, number), 100 + number), None) for number, name in enumerate(names)
    ]
    catalog = catalog_of(found, [])
    assert [(model.name, model.size, len(model.files)) for model in catalog.models] == [
        ("Big", 201, 2),
        ("one", 102, 1),
    ]
    assert catalog.rejected == ()
    assert catalog.models[1].projector == "/m/mmproj-one.gguf"
    assert not facts_by_name("/m/one.gguf", 5).complete


PIECES = st.one_of(
    st.binary(max_size=64),
    st.sampled_from(
        [
            preamble(1, 3),
            entry("general.architecture", STRING, text("llama")),
            entry("llama.block_count", 4, b"\x20\0\0\0"),
            entry("split.count", 2, b"\x05\0"),
            entry("general.name", STRING, b"\xff" * 8),
            array("general.tags", STRING, 2, text("a") + text("b")),
            array("general.tags", STRING, 1 << 63),
            array("llama.rope.sections", 5, 4, bytes(16)),
            array("llama.rope.sections", 5, 1 << 60),
            array("nested", ARRAY, 1),
            text("tokenizer.ggml.tokens"),
        ]
    ),
)


@given(st.lists(PIECES, max_size=12), st.integers(0, 2**64 - 1), st.integers(0, 2**64 - 1))
def test_no_beginning_breaks_the_quick_pass(pieces: list[bytes], tensors: int, keys: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "a.gguf")  # noqa: PTH118 - a plain string is what is read
        Path(path).write_bytes(preamble(tensors, keys) + b"".join(pieces))
        beginning = read_beginning(path)
        if beginning is not None:
            first_facts(path, beginning)

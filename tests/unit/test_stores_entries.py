"""What lies in the stores of other programs comes out with its names, and what cannot be served with reasons."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from fakes.gguf_files import write_model
from model_switcher.domain.catalog import Reject, Rejected
from model_switcher.engine.catalog.walk import Candidate
from model_switcher.engine.stores import Layout, Store, entries

if TYPE_CHECKING:
    from collections.abc import Sequence

MODEL, PROJECTOR, ADAPTER, TEMPLATE = (
    f"application/vnd.ollama.image.{kind}" for kind in ("model", "projector", "adapter", "template")
)


def split(store: Store) -> tuple[list[Candidate], list[Rejected]]:
    found = list(entries(store))
    candidates = [entry for entry in found if isinstance(entry, Candidate)]
    return candidates, [entry for entry in found if isinstance(entry, Rejected)]


def ollama(root: Path) -> tuple[list[Candidate], list[Rejected]]:
    return split(Store("ollama", str(root), "Ollama", Layout.OLLAMA))


def digest(number: int) -> str:
    return f"{number:064x}"


def blob(root: Path, number: int, separator: str = "-") -> Path:
    path = write_model(root / f"blob-{number}.gguf", general__name=f"Model {number}")
    (root / "blobs").mkdir(exist_ok=True)
    return path.rename(root / "blobs" / f"sha256{separator}{digest(number)}")


def manifest(
    root: Path, name: str, layers: Sequence[tuple[str, int]], host: str = "registry.ollama.ai"
) -> Path:
    path = root / "manifests" / host / name.replace(":", "/")
    path.parent.mkdir(parents=True, exist_ok=True)
    listed = [{"mediaType": kind, "digest": f"sha256:{digest(number)}"} for kind, number in layers]
    path.write_text(json.dumps({"schemaVersion": 2, "layers": listed}))
    return path


def test_ollama_s_models_bear_the_names_that_people_type(tmp_path: Path) -> None:
    paths = [str(blob(tmp_path, number)) for number in range(3)]
    old = str(blob(tmp_path, 3, ":"))
    manifest(tmp_path, "library/llama3.2:3b", [(TEMPLATE, 9), (MODEL, 0)])
    manifest(tmp_path, "library/llama3.2:latest", [(MODEL, 0)])
    manifest(tmp_path, "someone/tuned:latest", [(MODEL, 1), (PROJECTOR, 2)])
    manifest(tmp_path, "bartowski/Qwen3-GGUF:Q4_K_M", [(MODEL, 3)], host="hf.co")
    (tmp_path / "manifests" / ".DS_Store").write_bytes(b"\0")
    candidates, rejected = ollama(tmp_path)
    assert rejected == []
    assert [(found.title, found.path, found.projector) for found in candidates] == [
        ("hf.co/bartowski/Qwen3-GGUF:Q4_K_M", old, None),
        ("llama3.2:3b", paths[0], None),
        ("llama3.2:latest", paths[0], None),
        (None, paths[2], None),
        ("someone/tuned:latest", paths[1], paths[2]),
    ]
    assert {found.store for found in candidates} == {"ollama"}
    status = Path(paths[0]).stat()
    assert (candidates[1].identity, candidates[1].size) == ((status.st_dev, status.st_ino), status.st_size)


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            "{",
            "null",
            "[]",
            "{}",
            "5",
            '{"layers": 5}',
            '{"layers": [5]}',
            '{"layers": [{}]}',
            "[" * 100_000,
        ),
        '{"layers": [{"mediaType": "m", "digest": null}]}',
        '{"layers": [{"mediaType": "m", "digest": "sha256:../../../etc/passwd"}]}',
        "\udcff",
    ],
)
def test_a_damaged_manifest_is_told_and_the_others_are_found(tmp_path: Path, text: str) -> None:
    blob(tmp_path, 1)
    manifest(tmp_path, "library/good:1b", [(MODEL, 1)])
    bad = manifest(tmp_path, "library/bad:1b", [])
    bad.write_bytes(text.encode("utf-8", "surrogateescape"))
    candidates, rejected = ollama(tmp_path)
    assert [found.title for found in candidates] == ["good:1b"]
    assert [(entry.path, entry.code) for entry in rejected] == [(str(bad), Reject.DAMAGED)]
    assert "manifest" in rejected[0].reason


def test_what_ollama_lists_and_nobody_else_can_serve_says_why(tmp_path: Path) -> None:
    blob(tmp_path, 1)
    for number in (5, 6):
        (tmp_path / "blobs" / f"sha256-{digest(number)}-partial").write_bytes(b"GGUF" + bytes(2000))
    (tmp_path / "blobs" / f"sha256-{digest(7)}-partial-0").write_bytes(b"{}")
    (tmp_path / "blobs" / f"sha256-{digest(8)}").mkdir()
    expected = {
        manifest(tmp_path, "library/missing:1b", [(MODEL, 4)]): (Reject.INCOMPLETE, "ollama pull missing:1b"),
        manifest(tmp_path, "library/loading:1b", [(MODEL, 5)]): (Reject.PARTIAL, "not finished"),
        manifest(tmp_path, "library/cloud:1t", [(TEMPLATE, 1)]): (Reject.NOT_A_MODEL, "no weights"),
        manifest(tmp_path, "library/tuned:1b", [(MODEL, 1), (ADAPTER, 2)]): (Reject.NOT_A_MODEL, "LoRA"),
        manifest(tmp_path, "library/parts:1b", [(MODEL, 1), (MODEL, 1)]): (Reject.NOT_A_MODEL, "2 parts"),
        manifest(tmp_path, "library/folder:1b", [(MODEL, 8)]): (Reject.NOT_A_FILE, "not a file"),
    }
    candidates, rejected = ollama(tmp_path)
    assert candidates == []
    by_path = {Path(entry.path): entry for entry in rejected}
    for path, (code, words) in expected.items():
        assert by_path[path].code == code
        assert words in by_path[path].reason
    partial = [entry for entry in rejected if entry.path.endswith("-partial")]
    assert len(partial) == 2
    assert all(entry.code == Reject.PARTIAL for entry in partial)


def test_a_missing_projector_is_told_and_the_model_served_without(tmp_path: Path) -> None:
    blob(tmp_path, 1)
    manifest(tmp_path, "library/sees:1b", [(MODEL, 1), (PROJECTOR, 2)])
    (found,), (rejected,) = ollama(tmp_path)
    assert (found.title, found.projector, rejected.code) == ("sees:1b", None, Reject.INCOMPLETE)
    assert "text model" in rejected.reason


def test_a_manifest_that_is_a_pipe_blocks_nobody(tmp_path: Path) -> None:
    path = manifest(tmp_path, "library/pipe:1b", [])
    path.unlink()
    os.mkfifo(path)
    assert [entry.code for entry in ollama(tmp_path)[1]] == [Reject.NOT_A_FILE]


def test_an_empty_store_of_ollama_has_nothing_and_one_that_is_gone_says_so(tmp_path: Path) -> None:
    assert ollama(tmp_path) == ([], [])
    (only,) = ollama(tmp_path / "gone")[1]
    assert only.reason == "it does not exist"


def repository(root: Path, name: str) -> Path:
    folder = root / f"models--{name.replace('/', '--')}"
    (folder / "blobs").mkdir(parents=True)
    return folder


def test_the_hub_cache_is_read_by_its_snapshots_and_tells_of_downloads(tmp_path: Path) -> None:
    folder = repository(tmp_path, "someone/Model-GGUF")
    content = write_model(tmp_path / "a.gguf").rename(folder / "blobs" / "0123abcd")
    for revision in ("aaaa", "bbbb"):
        path = folder / "snapshots" / revision / "deep" / "model.gguf"
        path.parent.mkdir(parents=True)
        path.symlink_to(os.path.relpath(content, path.parent))
    (folder / "blobs" / "89ab.incomplete").write_bytes(b"GGUF" + bytes(3000))
    other = repository(tmp_path, "someone/Other")
    (other / "blobs" / "cdef.incomplete").write_bytes(b"\x80safetensors")
    (other / "snapshots" / "cccc").mkdir(parents=True)
    (other / "snapshots" / "cccc" / "gone.gguf").symlink_to("../../blobs/ffff")
    (tmp_path / "datasets--x" / "snapshots").mkdir(parents=True)
    write_model(tmp_path / "datasets--x" / "snapshots" / "not-a-model.gguf")
    store = Store("huggingface", str(tmp_path), "Hugging Face", Layout.HUGGING_FACE)
    candidates, rejected = split(store)
    assert [found.path for found in candidates] == [
        str(folder / "snapshots" / revision / "deep" / "model.gguf") for revision in ("aaaa", "bbbb")
    ]
    assert len({found.key for found in candidates}) == 1
    assert {found.store for found in candidates} == {"huggingface"}
    assert [(Path(entry.path).name, entry.code) for entry in rejected] == [
        ("89ab.incomplete", Reject.PARTIAL),
        ("gone.gguf", Reject.NOT_A_FILE),
    ]


def test_other_stores_are_folders_with_files(tmp_path: Path) -> None:
    path = write_model(tmp_path / "publisher" / "model" / "a.gguf")
    (found,), rejected = split(Store("lm-studio", str(tmp_path), "LM Studio"))
    assert (found.path, found.store, found.title, rejected) == (str(path), "lm-studio", None, [])

from __future__ import annotations

import errno
import os
import sys
import tempfile
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from fakes.gguf_files import make_hostile, one_tensor, preamble, tensor, write_model
from model_switcher.domain import wire
from model_switcher.domain.catalog import Catalog, Model, Reject, Rejected
from model_switcher.engine.catalog import scan, scan_file
from model_switcher.engine.catalog.walk import unreadable

if TYPE_CHECKING:
    from collections.abc import Iterator


def ids(catalog: Catalog) -> list[str]:
    return [model.id for model in catalog.models]


def only_reason(catalog: Catalog) -> str:
    (rejected,) = catalog.rejected
    return rejected.reason


def test_every_hostile_file_has_one_reason_and_the_good_one_beside_them_is_found(tmp_path: Path) -> None:
    expected = make_hostile(tmp_path)
    good = write_model(tmp_path / "a-folder.gguf" / "good.gguf")
    catalog = scan([tmp_path])
    assert {entry.path: entry.code for entry in catalog.rejected} == expected
    assert len(catalog.rejected) == len(expected)
    assert [model.path for model in catalog.models] == [str(good)]
    wire.encode(catalog)


def test_facts_of_a_model_come_from_its_header(tmp_path: Path) -> None:
    path = write_model(
        tmp_path / "Some-Model-Q4_K_M.gguf",
        types={"Q4_K": 9, "Q6_K": 2, "F32": 1},
        general__name="Some Model",
        general__size_label="8B",
        general__file_type=15,
        general__architecture="qwen3",
        qwen3__context_length=40960,
    )
    (model,) = scan([tmp_path]).models
    assert model.blueprint is not None
    assert replace(model, blueprint=None) == Model(
        id="some-model-q4_k_m",
        name="Some Model 8B",
        path=str(path),
        files=(str(path),),
        size=path.stat().st_size,
        architecture="qwen3",
        quantization="Q4_K_M",
        parameters=12 * 256,
        context_length=40960,
        places=(str(path),),
        size_label="8B",
        active_parameters=12 * 256,
        chat_template=False,
        tools=False,
    )


def test_what_a_header_does_not_say_is_unknown_and_the_name_is_the_file_s(tmp_path: Path) -> None:
    write_model(tmp_path / "Nameless.gguf", general__name=" \n", llama__context_length=0)
    (model,) = scan([tmp_path]).models
    assert (model.name, model.context_length) == ("Nameless", None)


def test_control_characters_do_not_get_into_names(tmp_path: Path) -> None:
    write_model(tmp_path / "a.gguf", general__name="Red\x1b[31m\nModel" + "x" * 1000)
    (model,) = scan([tmp_path]).models
    assert model.name.startswith("Red [31m Model")
    assert len(model.name) <= 200


def test_file_types_that_the_tensors_do_not_bear_out_are_not_believed(tmp_path: Path) -> None:
    write_model(tmp_path / "a.gguf", types={"Q8_0": 3, "F32": 1}, general__file_type=15)
    write_model(tmp_path / "b.gguf", types={"IQ3_S": 3, "Q4_K": 1}, general__file_type=1024 + 27)
    write_model(tmp_path / "c.gguf", types={"MXFP4": 3, "Q8_0": 1}, general__file_type=38)
    write_model(tmp_path / "d.gguf", types={"NVFP4": 3, "F32": 1})
    assert [model.quantization for model in scan([tmp_path]).models] == ["Q8_0", "IQ3_M", "MXFP4", "NVFP4"]


def test_files_that_are_no_models_say_what_they_are(tmp_path: Path) -> None:
    write_model(tmp_path / "adapter.gguf", general__type="adapter", adapter__type="lora")
    write_model(tmp_path / "imatrix.gguf", general__type="imatrix", general__architecture=None)
    write_model(tmp_path / "vocabulary.gguf", tensors=False)
    write_model(tmp_path / "projector.gguf", general__architecture="clip", general__type="mmproj")
    catalog = scan([tmp_path])
    assert catalog.models == ()
    assert {entry.code for entry in catalog.rejected} == {Reject.NOT_A_MODEL}
    for entry, word in zip(
        catalog.rejected, ("LoRA", "importance matrix", "mmproj", "vocabulary"), strict=True
    ):
        assert word in entry.reason


def test_only_files_that_are_called_models_are_opened(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("no model")
    write_model(tmp_path / "upper" / "CASE.GGUF")
    catalog = scan([tmp_path])
    assert (ids(catalog), catalog.rejected) == (["case"], ())


def test_an_empty_folder_is_no_error_and_one_that_is_not_there_is(tmp_path: Path) -> None:
    assert scan([tmp_path]) == Catalog()
    assert scan([]) == Catalog()
    gone = tmp_path / "gone"
    assert scan([gone]).rejected == (
        Rejected(path=str(gone), code=Reject.UNREADABLE, reason="it does not exist"),
    )


def test_a_single_file_can_be_named_in_place_of_a_folder(tmp_path: Path) -> None:
    path = write_model(tmp_path / "one.gguf")
    write_model(tmp_path / "two.gguf")
    assert ids(scan([path])) == ["one"]


def test_a_file_that_is_reached_twice_appears_once(tmp_path: Path) -> None:
    path = write_model(tmp_path / "a" / "model.gguf")
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "hard.gguf").hardlink_to(path)
    (tmp_path / "b" / "soft.gguf").symlink_to(path)
    (tmp_path / "c").symlink_to(tmp_path / "a", target_is_directory=True)
    catalog = scan([tmp_path / "b", tmp_path, tmp_path / "c"])
    assert [model.path for model in catalog.models] == [str(tmp_path / "b" / "hard.gguf")]
    assert catalog.rejected == ()


def test_links_into_a_store_are_followed(tmp_path: Path) -> None:
    blob = write_model(tmp_path / "blobs" / "0123abcd")
    link = tmp_path / "snapshots" / "main" / "model.gguf"
    link.parent.mkdir(parents=True)
    link.symlink_to(blob)
    (model,) = scan([tmp_path]).models
    assert (model.path, model.size) == (str(link), blob.stat().st_size)


def test_folders_that_contain_themselves_end(tmp_path: Path) -> None:
    write_model(tmp_path / "in" / "m.gguf")
    (tmp_path / "in" / "again").symlink_to(tmp_path, target_is_directory=True)
    (tmp_path / "loop").symlink_to(tmp_path / "loop", target_is_directory=True)
    catalog = scan([tmp_path])
    assert (ids(catalog), catalog.rejected) == (["m"], ())


def test_folders_that_lie_too_deep_are_named(tmp_path: Path) -> None:
    deep = tmp_path.joinpath(*["d"] * 80)
    deep.mkdir(parents=True)
    write_model(deep / "unseen.gguf")
    write_model(deep.parents[40] / "seen.gguf")
    catalog = scan([tmp_path])
    assert ids(catalog) == ["seen"]
    assert only_reason(catalog) == "the folder lies too deep to be searched"


def test_a_scan_that_is_told_to_stop_returns_what_it_has(tmp_path: Path) -> None:
    for number in range(5):
        write_model(tmp_path / f"{number}.gguf")
    asked = iter([False, False, False, True, True, True])
    assert 0 < len(scan([tmp_path], should_stop=lambda: next(asked)).models) < 5


def test_names_that_are_not_ascii_work(tmp_path: Path) -> None:
    path = write_model(tmp_path / "Модель" / "通义 千问-7B.gguf", general__name="通义千问")
    (model,) = scan([tmp_path]).models
    assert (model.name, model.id, model.path) == ("通义千问", "7b", str(path))


@contextmanager
def closed(path: Path) -> Iterator[None]:
    """Without permission to read `path`, also where the tests run as root."""
    path.chmod(0)
    root = sys.platform != "win32" and os.geteuid() == 0
    if root and sys.platform != "win32":
        os.seteuid(65_534)
    try:
        yield
    finally:
        if root and sys.platform != "win32":
            os.seteuid(0)
        path.chmod(0o700)


if sys.platform != "win32":

    @pytest.fixture
    def open_folder() -> Iterator[Path]:
        """A folder that every user can enter; pytest's own are private."""
        with tempfile.TemporaryDirectory() as name:
            Path(name).chmod(0o755)
            yield Path(name)

    def test_a_file_without_permission_is_named(open_folder: Path) -> None:
        path = write_model(open_folder / "secret.gguf")
        with closed(path):
            catalog = scan([open_folder])
        assert only_reason(catalog) == "this user may not read it; check its permissions"
        assert catalog.rejected[0].path == str(path)

    def test_a_folder_without_permission_is_named_and_the_rest_is_found(open_folder: Path) -> None:
        inside = write_model(open_folder / "closed" / "secret.gguf")
        write_model(open_folder / "open" / "m.gguf")
        with closed(inside.parent):
            catalog = scan([open_folder])
        assert ids(catalog) == ["m"]
        assert [(entry.path, entry.code) for entry in catalog.rejected] == [
            (str(inside.parent), Reject.UNREADABLE)
        ]


if sys.platform == "linux":

    def test_a_name_that_is_no_text_is_rejected_in_a_form_that_can_be_shown(tmp_path: Path) -> None:
        write_model(tmp_path / os.fsdecode(b"bad-\xff.gguf"))
        catalog = scan([tmp_path])
        assert catalog.rejected[0].path == str(tmp_path / "bad-\ufffd.gguf")
        assert "rename it" in only_reason(catalog)
        wire.encode(catalog)


def test_errors_of_the_system_are_said_in_its_words(tmp_path: Path) -> None:
    error = OSError(errno.EIO, "Input/output error")
    assert unreadable(str(tmp_path / "x"), error).reason == "it cannot be read: Input/output error"
    assert scan([str(tmp_path) + "\0"]).rejected[0].code is Reject.UNREADABLE


def test_one_file_becomes_a_model_whatever_its_name(tmp_path: Path) -> None:
    path = write_model(tmp_path / "sha256-0123", general__name="Blob")
    found = scan_file(path)
    assert isinstance(found, Model)
    assert (found.name, found.path) == ("Blob", str(path))


def test_one_file_that_is_in_the_catalog_is_that_model(tmp_path: Path) -> None:
    path = write_model(tmp_path / "a.gguf")
    catalog = scan([tmp_path], {"a": ["first"]})
    link = tmp_path / "link.gguf"
    link.symlink_to(path)
    assert scan_file(link, catalog) is catalog.models[0]


def test_one_file_gets_an_id_that_the_catalog_has_not(tmp_path: Path) -> None:
    catalog = scan([write_model(tmp_path / "a" / "m.gguf").parent])
    found = scan_file(write_model(tmp_path / "b" / "m.gguf"), catalog, {"m@b": ["second"]})
    assert isinstance(found, Model)
    assert (found.id, found.aliases) == ("m@b", ("second",))


def test_one_file_that_cannot_be_served_says_why(tmp_path: Path) -> None:
    cases = {
        "cut.gguf": (one_tensor(tensor((1024,))), Reject.TRUNCATED),
        "text.gguf": (b"text", Reject.NOT_GGUF),
        "new.gguf": (preamble(0, 0, 9), Reject.VERSION),
    }
    for name, (data, code) in cases.items():
        (tmp_path / name).write_bytes(data)
        found = scan_file(tmp_path / name)
        assert isinstance(found, Rejected)
        assert (found.path, found.code) == (str(tmp_path / name), code)
    for path, phrase in ((tmp_path, "it is a folder"), (tmp_path / "gone.gguf", "it does not exist")):
        found = scan_file(path)
        assert isinstance(found, Rejected)
        assert phrase in found.reason

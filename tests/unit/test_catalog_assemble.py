from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fakes.gguf_files import write_model, write_shards
from model_switcher.domain.catalog import Model, Reject, Rejected
from model_switcher.engine.catalog import scan, scan_file

if TYPE_CHECKING:
    from pathlib import Path


def test_the_parts_of_a_split_model_are_one_model(tmp_path: Path) -> None:
    paths = write_shards(tmp_path, "Big-Q4_K_M", 5)
    catalog = scan([tmp_path])
    assert catalog.rejected == ()
    (model,) = catalog.models
    assert (model.id, model.name, model.path) == ("big-q4_k_m", "Split", str(paths[0]))
    assert model.files == tuple(map(str, paths))
    assert model.size == sum(path.stat().st_size for path in paths)
    assert (model.parameters, model.context_length) == (5 * 256, 8192)


def test_a_first_part_without_weights_is_fine(tmp_path: Path) -> None:
    write_model(tmp_path / "m-00001-of-00002.gguf", tensors=False, split__no=0, split__count=2)
    write_model(tmp_path / "m-00002-of-00002.gguf", split__no=1, split__count=2, general__architecture=None)
    (model,) = scan([tmp_path]).models
    assert (len(model.files), model.parameters) == (2, 256)


def test_missing_parts_are_named(tmp_path: Path) -> None:
    write_shards(tmp_path, "m", 5, leave_out=(2, 4))
    catalog = scan([tmp_path])
    assert catalog.models == ()
    assert catalog.rejected == (
        Rejected(
            path=str(tmp_path / "m-00001-of-00005.gguf"),
            code=Reject.INCOMPLETE,
            reason="of its 5 parts, 2 are missing: m-00002-of-00005.gguf, m-00004-of-00005.gguf",
        ),
    )


def test_many_missing_parts_are_counted(tmp_path: Path) -> None:
    write_shards(tmp_path, "m", 9, leave_out=tuple(range(1, 9)))
    (rejected,) = scan([tmp_path]).rejected
    assert rejected.path == str(tmp_path / "m-00009-of-00009.gguf")
    assert rejected.reason.startswith("of its 9 parts, 8 are missing: m-00001-of-00009.gguf")
    assert rejected.reason.endswith("and 5 more")


def test_a_damaged_part_is_said_to_be_damaged_not_missing(tmp_path: Path) -> None:
    paths = write_shards(tmp_path, "m", 3)
    paths[1].write_bytes(paths[1].read_bytes()[:-100])
    reasons = {entry.path: (entry.code, entry.reason) for entry in scan([tmp_path]).rejected}
    assert reasons[str(paths[0])] == (
        Reject.INCOMPLETE,
        "of its 3 parts, 1 is damaged: m-00002-of-00003.gguf",
    )
    assert reasons[str(paths[1])] == (
        Reject.TRUNCATED,
        "the file ends 100 bytes early; download it again",
    )
    assert len(reasons) == 2


def test_a_part_under_another_name_says_that_the_name_is_the_trouble(tmp_path: Path) -> None:
    write_model(tmp_path / "renamed.gguf", split__no=0, split__count=3)
    (rejected,) = scan([tmp_path]).rejected
    assert rejected.code == Reject.INCOMPLETE
    assert "-00001-of-00003.gguf" in rejected.reason


def test_a_whole_model_with_a_part_s_name_is_a_whole_model(tmp_path: Path) -> None:
    write_model(tmp_path / "m-00001-of-00001.gguf")
    (model,) = scan([tmp_path]).models
    assert model.id == "m-00001-of-00001"


def test_equal_prefixes_in_two_folders_are_two_models(tmp_path: Path) -> None:
    write_shards(tmp_path / "a", "m", 2)
    write_shards(tmp_path / "b", "m", 2)
    assert [model.id for model in scan([tmp_path]).models] == ["m@a", "m@b"]


def test_any_part_stands_for_the_model_when_one_file_is_asked_for(tmp_path: Path) -> None:
    paths = write_shards(tmp_path, "m", 3)
    found = scan_file(paths[2])
    assert isinstance(found, Model)
    assert found.files == tuple(map(str, paths))
    assert found.size == sum(path.stat().st_size for path in paths)
    paths[0].unlink()
    missing = scan_file(paths[2])
    assert isinstance(missing, Rejected)
    assert missing.code == Reject.INCOMPLETE
    assert "1 is missing: m-00001-of-00003.gguf" in missing.reason


def projector(path: Path, width: int = 2560, kind: str = "F16", **metadata: Any) -> Path:
    return write_model(
        path,
        types={kind: 1},
        general__architecture="clip",
        general__type="mmproj",
        clip__vision__projection_dim=width,
        **metadata,
    )


def test_a_projector_goes_to_the_models_in_its_folder_that_have_its_width(tmp_path: Path) -> None:
    path = projector(tmp_path / "g" / "mmproj-F16.gguf")
    write_model(tmp_path / "g" / "gemma-4b-Q4.gguf", llama__embedding_length=2560)
    write_model(tmp_path / "g" / "gemma-4b-Q8.gguf", llama__embedding_length=2560)
    write_model(tmp_path / "g" / "gemma-12b.gguf", llama__embedding_length=3840)
    write_model(tmp_path / "elsewhere.gguf", llama__embedding_length=2560)
    catalog = scan([tmp_path])
    assert catalog.rejected == ()
    assert {model.id: model.projector for model in catalog.models} == {
        "gemma-4b-q4": str(path),
        "gemma-4b-q8": str(path),
        "gemma-12b": None,
        "elsewhere": None,
    }


def test_a_projector_of_another_name_is_not_taken_though_its_width_is_right(tmp_path: Path) -> None:
    mine = projector(tmp_path / "mmproj-gemma-3-4b-it-f16.gguf")
    write_model(tmp_path / "gemma-3-4b-it-Q4_K_M.gguf", llama__embedding_length=2560)
    write_model(tmp_path / "Qwen3-4B-Q4_K_M.gguf", llama__embedding_length=2560, general__basename="Qwen3")
    found = {model.id: model.projector for model in scan([tmp_path]).models}
    assert found == {"gemma-3-4b-it-q4_k_m": str(mine), "qwen3-4b-q4_k_m": None}


def test_equal_base_names_speak_for_a_projector(tmp_path: Path) -> None:
    path = projector(tmp_path / "vision-part.gguf", general__basename="Pixtral")
    write_model(tmp_path / "a.gguf", llama__embedding_length=2560, general__basename="pixtral")
    write_model(tmp_path / "b.gguf", llama__embedding_length=2560, general__basename="Other")
    found = {model.id: model.projector for model in scan([tmp_path]).models}
    assert found == {"a": str(path), "b": None}


def test_the_width_in_old_projectors_tells_nothing(tmp_path: Path) -> None:
    path = write_model(
        tmp_path / "mmproj-model-f16.gguf", general__architecture="clip", clip__vision__projection_dim=768
    )
    write_model(tmp_path / "llava-7b.gguf", llama__embedding_length=4096)
    (model,) = scan([tmp_path]).models
    assert model.projector == str(path)


def test_of_several_projectors_the_half_precision_one_is_used(tmp_path: Path) -> None:
    for kind in ("F32", "BF16", "F16"):
        projector(tmp_path / f"mmproj-{kind}.gguf", kind=kind)
    write_model(tmp_path / "model.gguf", llama__embedding_length=2560)
    catalog = scan([tmp_path])
    assert catalog.rejected == ()
    assert catalog.models[0].projector == str(tmp_path / "mmproj-F16.gguf")


def test_a_projector_that_fits_nothing_says_so(tmp_path: Path) -> None:
    path = projector(tmp_path / "mmproj-F16.gguf", width=1024)
    write_model(tmp_path / "model.gguf", llama__embedding_length=2560)
    catalog = scan([tmp_path])
    assert catalog.models[0].projector is None
    assert [(entry.path, entry.code) for entry in catalog.rejected] == [(str(path), Reject.NOT_A_MODEL)]


def test_one_file_that_is_asked_for_comes_with_its_projector(tmp_path: Path) -> None:
    path = projector(tmp_path / "mmproj-F16.gguf")
    model = write_model(tmp_path / "model.gguf", llama__embedding_length=2560)
    found = scan_file(model)
    assert isinstance(found, Model)
    assert found.projector == str(path)
    alone = scan_file(path)
    assert isinstance(alone, Rejected)
    assert alone.code == Reject.NOT_A_MODEL

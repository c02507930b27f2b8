from __future__ import annotations

import re
import unicodedata
from dataclasses import replace
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

import pytest

from fakes.gguf_files import write_model
from model_switcher.domain.catalog import Catalog, Model, Rejected, path_key
from model_switcher.domain.errors import AmbiguousModel, UnknownModel, UnusableModel
from model_switcher.domain.paths import file_stem
from model_switcher.engine.catalog import scan
from model_switcher.engine.catalog.identifiers import identifiers, slug

if TYPE_CHECKING:
    from pathlib import Path


def model(model_id: str, path: str, name: str = "", aliases: tuple[str, ...] = ()) -> Model:
    return Model(id=model_id, name=name or model_id, path=path, files=(path,), size=1, aliases=aliases)


CATALOG = Catalog(
    (
        model("phi-4-q4_k_m", r"D:\Models\phi-4-Q4_K_M.gguf", "Phi 4", ("finance",)),
        model("gemma-3-4b", "/srv/models/Gemma-3-4B.gguf", "Gemma 3"),
        model("gemma-3-12b", "/srv/models/Gemma-3-12B.gguf", "Gemma 3"),
        model("finance", "/srv/models/finance.gguf", "Ledger"),
    )
)


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ("phi-4-q4_k_m", "phi-4-q4_k_m"),
        ("PHI-4-Q4_K_M", "phi-4-q4_k_m"),
        ("  Phi 4 ", "phi-4-q4_k_m"),
        ("phi", "phi-4-q4_k_m"),
        ("phi-4-Q4_K_M.gguf", "phi-4-q4_k_m"),
        (r"D:\Models\phi-4-Q4_K_M.gguf", "phi-4-q4_k_m"),
        (r"d:\models\PHI-4-q4_k_m.gguf", "phi-4-q4_k_m"),
        ("D:/Models/phi-4-Q4_K_M.gguf", "phi-4-q4_k_m"),
        (r"D:\Models\other\..\phi-4-Q4_K_M.gguf", "phi-4-q4_k_m"),
        ("/srv/models/../models/Gemma-3-4B.gguf", "gemma-3-4b"),
        ("Gemma-3-12B", "gemma-3-12b"),
        ("gemma-3-1", "gemma-3-12b"),
        ("finance", "finance"),
        ("led", "finance"),
    ],
)
def test_a_model_is_found_by_each_of_its_names(wanted: str, found: str) -> None:
    assert CATALOG.find(wanted).id == found


def test_a_name_that_two_models_bear_is_ambiguous_and_both_are_told() -> None:
    for wanted in ("Gemma 3", "gemma"):
        with pytest.raises(AmbiguousModel) as caught:
            CATALOG.find(wanted)
        assert caught.value.details == {"candidates": ["gemma-3-4b", "gemma-3-12b"]}


@pytest.mark.parametrize(
    "wanted", ["", "   ", "llama", "/srv/models/gemma-3-4b.gguf", r"E:\Models\none.gguf"]
)
def test_what_names_nothing_is_unknown(wanted: str) -> None:
    with pytest.raises(UnknownModel):
        CATALOG.find(wanted)


def test_near_names_are_suggested() -> None:
    assert CATALOG.near("phi-4-q5_k_m") == ["phi-4-q4_k_m"]
    assert CATALOG.near(r"C:\old\Gemma-3-4B.gguf")[0] == "gemma-3-4b"
    assert CATALOG.near("ledgr") == ["finance"]
    assert CATALOG.near("zzzz") == []
    with pytest.raises(UnknownModel) as caught:
        CATALOG.find("gema-3-4b")
    assert caught.value.details["near"][0] == "gemma-3-4b"
    assert "Did you mean gemma-3-4b" in caught.value.hint


def test_windows_paths_know_no_case_and_others_do() -> None:
    assert path_key(r"D:\A\b.gguf") == path_key("d:/a/B.GGUF")
    assert path_key("/a/b") != path_key("/A/b")
    assert model("x", r"D:\A\b.gguf").folder == r"D:\A"
    assert model("x", "/a/b.gguf").folder == "/a"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Meta-Llama-3.1-8B-Instruct-Q4_K_M", "meta-llama-3.1-8b-instruct-q4_k_m"),
        ("My Model (final) v2", "my-model-final-v2"),
        ("../../etc/passwd", "etc-passwd"),
        ("--help; rm -rf $HOME", "help-rm-rf-home"),
        ("Über-Größe", "uber-grosse"),
        ("模型", ""),
        ("a" * 500, "a" * 120),
    ],
)
def test_ids_are_fit_for_urls_and_shells(text: str, expected: str) -> None:
    assert slug(text) == expected
    assert re.fullmatch(r"[a-z0-9._-]*", slug(text))


def test_ids_differ_and_do_not_depend_on_the_order() -> None:
    stems = [
        ("/a/m.gguf", "m"),
        ("/b/m.gguf", "m"),
        ("/x/b/m.gguf", "m"),
        ("/a/n.gguf", "n"),
        ("/模/型.gguf", "型"),
    ]
    ids = dict(zip(stems, identifiers(stems), strict=True))
    assert ids[stems[0]] == "m@a"
    assert ids[stems[3]] == "n"
    assert ids[stems[1]] == "m@b"
    assert ids[stems[2]] == "m@x-b"
    assert re.fullmatch(r"model-[0-9a-f]{8}", ids[stems[4]])
    assert len(set(ids.values())) == len(stems)
    turned = stems[::-1]
    assert dict(zip(turned, identifiers(turned), strict=True)) == ids
    assert identifiers([("/a/m.gguf", "m")], taken={"m", "m@a"})[0].startswith("m@")
    assert identifiers([("/a/m.gguf", "m")], taken={"m", "m@a"}) != ["m@a"]


def test_ids_of_equal_names_do_not_tell_where_the_folders_lie() -> None:
    def ids(*paths: str) -> list[str]:
        return identifiers([(path, "m") for path in paths])

    assert ids("/a/x/m.gguf", "/b/y/m.gguf") == ["m@x", "m@y"]
    assert ids("/far/away/x/m.gguf", "/b/y/m.gguf") == ["m@x", "m@y"]
    assert ids("/a/x/m.gguf", "/b/x/m.gguf", "/b/y/m.gguf") == ["m@a-x", "m@b-x", "m@y"]
    assert ids("/x/m.gguf", "/b/x/m.gguf") == ["m@x", "m@b-x"]


def test_ids_are_the_same_after_a_move_whatever_the_name_is_written_in() -> None:
    for stem in ("m", "Größe", "模型"):
        (here,) = identifiers([(f"/home/me/{stem}.gguf", stem)])
        (there,) = identifiers([(f"/mnt/new/{unicodedata.normalize('NFD', stem)}.gguf", stem)])
        assert here == there
    assert identifiers([("/a/ä.gguf", "模型")]) == identifiers([("/b/c.gguf", "模型")])
    decomposed = unicodedata.normalize("NFD", "ガ")
    assert identifiers([("/a/x.gguf", decomposed)]) == identifiers([("/a/x.gguf", "ガ")])


def test_files_without_a_name_of_their_own_bear_that_of_their_folder() -> None:
    stems = {
        "/jan/models/Qwen3-8B/model.gguf": "qwen3-8b",
        "/jan/models/Phi-4/model.gguf": "phi-4",
        "/m/Mistral-7B/ggml-model-Q4_K_M.gguf": "mistral-7b-q4_k_m",
        f"/hub/models--ada--Tiny/snapshots/{'0' * 40}/model.BF16.gguf": "ada-tiny.bf16",
        "/m/models/model-stock-8b.gguf": "model-stock-8b",
        "/model.gguf": "model",
    }
    found = identifiers([(path, PurePosixPath(path).stem) for path in stems])
    assert dict(zip(stems, found, strict=True)) == stems


def test_names_that_differ_in_what_ids_cannot_hold_are_told_apart() -> None:
    first, second = identifiers([("/a/my model.gguf", "my model"), ("/a/my-model.gguf", "my-model")])
    assert re.fullmatch(r"my-model@[0-9a-f]{8}", first)
    assert first != second
    assert identifiers([("/b/my model.gguf", "my model"), ("/b/my-model.gguf", "my-model")]) == [
        first,
        second,
    ]


def test_folders_of_the_hub_cache_that_say_nothing_stay_out_of_ids() -> None:
    cache = "/home/me/.cache/huggingface/hub/models--{}--Phi-GGUF/snapshots/{}/phi.gguf"
    stems = [(cache.format("one", "0" * 40), "phi"), (cache.format("two", "f" * 40), "phi")]
    assert identifiers(stems) == ["phi@one-phi-gguf", "phi@two-phi-gguf"]


NFC, NFD = (unicodedata.normalize(form, "Größe-Ünï") for form in ("NFC", "NFD"))
NETWORK = Catalog(
    (
        model("unc", r"\\NAS\Models\Big.gguf"),
        model("long", r"\\?\D:\Deep\Long.gguf"),
        model("long-unc", r"\\?\UNC\nas\deep\Far.gguf"),
        model("mac", f"/Users/me/{NFD}.gguf", name=NFD, aliases=(f"kurz-{NFD}",)),
        model("a-one", "/srv/one/twin.gguf"),
        model("a-two", "/srv/two/twin.gguf"),
        model("odd", "/srv/one/back\\slash.gguf"),
        replace(model("linked", "/srv/blobs/0123"), places=("/srv/blobs/0123", "/home/me/links/Linked.gguf")),
    )
)


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (r"\\nas\models\big.gguf", "unc"),
        ("//NAS/Models/Big.gguf", "unc"),
        (r"\\NAS\Models\x\..\Big.gguf", "unc"),
        (r"\\?\UNC\NAS\Models\Big.gguf", "unc"),
        (r"d:\deep\LONG.gguf", "long"),
        ("D:/Deep/Long.gguf", "long"),
        (r"\\NAS\Deep\far.gguf", "long-unc"),
        (f"/Users/me/{NFC}.gguf", "mac"),
        (f"/Users/me/{NFD}.gguf", "mac"),
        (NFC, "mac"),
        (NFC.upper(), "mac"),
        (f"{NFC}.gguf", "mac"),
        (f"KURZ-{NFC}", "mac"),
        (NFC[:4], "mac"),
        ("two/twin.gguf", "a-two"),
        ("Two/Twin", "a-two"),
        ("./one/twin", "a-one"),
        (r"models\big", "unc"),
        ("/srv/one/back\\slash.gguf", "odd"),
        ("/home/me/links/Linked.gguf", "linked"),
        ("//srv/one/twin.gguf", "a-one"),
    ],
)
def test_paths_of_windows_networks_and_macos_are_found(wanted: str, found: str) -> None:
    assert NETWORK.find(wanted).id == found


@pytest.mark.parametrize("wanted", ["twin", "Twin.gguf", "a-"])
def test_what_several_files_are_called_is_ambiguous(wanted: str) -> None:
    with pytest.raises(AmbiguousModel) as caught:
        NETWORK.find(wanted)
    assert caught.value.details == {"candidates": ["a-one", "a-two"]}


@pytest.mark.parametrize("wanted", ["/srv/one/TWIN.gguf", "ne/twin.gguf", "/one/twin.gguf", "/", "\\", "//"])
def test_paths_that_lead_nowhere_are_unknown(wanted: str) -> None:
    with pytest.raises(UnknownModel):
        NETWORK.find(wanted)


@pytest.mark.parametrize(
    ("path", "stem"),
    [
        (r"D:\a\Model.v1.GGUF", "Model.v1"),
        ("/a/Llama-3.1", "Llama-3.1"),
        ("/a/.gguf", ".gguf"),
        ("sha256-0123", "sha256-0123"),
        ("/a/back\\slash.gguf", "back\\slash"),
    ],
)
def test_the_stem_of_a_file_is_its_name_without_gguf(path: str, stem: str) -> None:
    assert file_stem(path) == stem


def test_aliases_come_from_the_settings_by_id_name_file_or_beginning(tmp_path: Path) -> None:
    write_model(tmp_path / "Alpha One.gguf", general__name="First")
    write_model(tmp_path / "beta-q4.gguf", general__name="Twin")
    write_model(tmp_path / "beta-q8.gguf", general__name="Twin")
    catalog = scan(
        [tmp_path],
        {
            "ALPHA-ONE": ["a", "finance"],
            "first": ["b"],
            "Alpha One": ["a"],
            "beta-q4": [],
            "twin": ["both"],
            "alph": [],
            "nothing": ["c"],
            "beta": ["d"],
        },
    )
    found = {model.id: model.aliases for model in catalog.models}
    assert found == {
        "alpha-one": ("a", "finance", "b", "Alpha One", "alph"),
        "beta-q4": ("both",),
        "beta-q8": ("both",),
    }
    assert catalog.find("finance").id == "alpha-one"


@pytest.mark.parametrize("wanted", ["broken", "Broken.gguf", "D:\\models\\broken.gguf"])
def test_a_rejected_file_is_answered_with_its_reason(wanted: str) -> None:
    rejected = Rejected(path="D:\\models\\broken.gguf", code="model-truncated", reason="the file ends early")
    with pytest.raises(UnusableModel, match="cannot be served: the file ends early") as caught:
        Catalog(rejected=(rejected,)).find(wanted)
    assert caught.value.code == "model-truncated"

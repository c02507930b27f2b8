from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from model_switcher.domain import wire
from model_switcher.domain.catalog import Catalog, Kind, Model, Reject
from model_switcher.engine.catalog import scan
from model_switcher.engine.catalog.assemble import Found, assemble
from model_switcher.engine.catalog.facts import Facts, facts_of
from model_switcher.engine.catalog.walk import Candidate
from model_switcher.engine.gguf import read_header
from model_switcher.engine.gguf.writer import TensorData, Writable, write_gguf

if TYPE_CHECKING:
    from pathlib import Path

Shape = tuple[str, tuple[int, ...]]


def write(path: Path, metadata: dict[str, Writable], tensors: dict[str, Shape] | None = None) -> Path:
    """A file with these tensors, by name; one of a layer unless given."""
    table = []
    for name, (kind, shape) in (tensors or {"blk.0.attn_q.weight": ("F16", (256, 1))}).items():
        size = TensorData(name=name, type=kind, shape=shape, data=()).size
        table.append(TensorData(name=name, type=kind, shape=shape, data=[bytes(size)]))
    path.parent.mkdir(parents=True, exist_ok=True)
    write_gguf(path, metadata, table)
    return path


def one(folder: Path, metadata: dict[str, Writable], tensors: dict[str, Shape] | None = None) -> Model:
    write(folder / "model.gguf", {"general.architecture": "llama"} | metadata, tensors)
    (model,) = scan([folder]).models
    return model


@pytest.mark.parametrize(
    ("metadata", "kind"),
    [
        ({}, Kind.TEXT),
        ({"llama.pooling_type": 0}, Kind.TEXT),
        ({"llama.pooling_type": 3}, Kind.EMBEDDING),
        ({"llama.pooling_type": 4}, Kind.RERANKER),
        ({"llama.pooling_type": "last"}, Kind.TEXT),
        ({"general.architecture": "bert"}, Kind.EMBEDDING),
        ({"general.architecture": "bert", "bert.pooling_type": 4}, Kind.RERANKER),
        ({"general.architecture": "nomic-bert-moe", "nomic-bert-moe.pooling_type": 1}, Kind.EMBEDDING),
        ({"general.architecture": "jina-bert-v2"}, Kind.EMBEDDING),
        ({"general.architecture": "t5encoder"}, Kind.EMBEDDING),
        ({"general.architecture": "t5"}, Kind.TEXT),
        ({"general.tags": ["sentence-transformers", "mteb"]}, Kind.EMBEDDING),
        ({"general.tags": ["text-ranking"]}, Kind.RERANKER),
        ({"general.tags": ["text-generation", "chat"]}, Kind.TEXT),
        ({"general.tags": [1, 2]}, Kind.TEXT),
    ],
)
def test_what_a_model_is_for(tmp_path: Path, metadata: dict[str, Writable], kind: Kind) -> None:
    assert one(tmp_path, metadata).kind is kind


@pytest.mark.parametrize("name", ["cls.weight", "cls.output.weight"])
def test_a_model_that_makes_one_score_is_a_reranker(tmp_path: Path, name: str) -> None:
    tensors: dict[str, Shape] = {"blk.0.attn_q.weight": ("F16", (256, 1)), name: ("F32", (256, 1))}
    assert one(tmp_path, {}, tensors).kind is Kind.RERANKER
    assert one(tmp_path, {"llama.pooling_type": 2}, tensors).kind is Kind.EMBEDDING


@pytest.mark.parametrize(
    ("metadata", "phrase"),
    [
        ({"general.architecture": "flux"}, "pictures"),
        ({"general.architecture": "sdxl"}, "pictures"),
        ({"general.architecture": "wan"}, "pictures or films"),
        ({"general.architecture": "qwen_image"}, "pictures"),
        ({"general.architecture": "wavtokenizer-dec"}, "sound"),
        ({"general.architecture": "controlvector"}, "control vector"),
        ({"general.type": "vocab"}, "no weights"),
        ({"general.type": "adapter"}, "LoRA"),
        ({"adapter.type": "lora"}, "LoRA"),
        ({"imatrix.chunk_count": 1}, "importance matrix"),
        ({"general.type": "mmproj"}, "mmproj"),
    ],
)
def test_what_is_no_model_says_what_it_is(tmp_path: Path, metadata: dict[str, Writable], phrase: str) -> None:
    write(tmp_path / "a.gguf", {"general.architecture": "llama"} | metadata)
    (rejected,) = scan([tmp_path]).rejected
    assert rejected.code == Reject.NOT_A_MODEL
    assert phrase in rejected.reason


def test_what_the_header_says_of_origin_and_form(tmp_path: Path) -> None:
    model = one(
        tmp_path,
        {
            "general.size_label": "8B",
            "general.license": "llama3.1",
            "general.base_model.0.name": "Llama 3.1 8B",
            "general.base_model.0.repo_url": "https://huggingface.co/meta-llama/other",
            "general.languages": ["en", "de", "en", " "],
            "llama.block_count": 4,
            "llama.embedding_length": 64,
            "llama.attention.head_count": 8,
            "llama.attention.head_count_kv": 2,
        },
    )
    assert (model.size_label, model.license, model.base_model) == ("8B", "llama3.1", "Llama 3.1 8B")
    assert model.languages == ("en", "de")
    assert (model.block_count, model.embedding_length, model.head_count, model.head_count_kv) == (4, 64, 8, 2)
    assert wire.decode(wire.encode(Catalog((model,))), Catalog).models == (model,)


def test_what_layers_have_each_for_itself_is_told_by_the_most(tmp_path: Path) -> None:
    model = one(
        tmp_path,
        {"llama.attention.head_count": [4, 16, 8], "llama.attention.head_count_kv": [0, 0, 4, 0]},
    )
    assert (model.head_count, model.head_count_kv) == (16, 4)


def test_heads_without_a_number_of_their_own_for_keys_are_as_many_for_them(tmp_path: Path) -> None:
    assert one(tmp_path, {"llama.attention.head_count": 12}).head_count_kv == 12
    assert (
        one(
            tmp_path, {"llama.attention.head_count": 12, "llama.attention.head_count_kv": [0, 0]}
        ).head_count_kv
        is None
    )


def test_a_base_model_without_a_name_is_called_as_its_repository(tmp_path: Path) -> None:
    address = "https://huggingface.co/Qwen/Qwen3-8B/"
    assert one(tmp_path, {"general.base_model.0.repo_url": address}).base_model == "Qwen3-8B"


def test_a_licence_that_the_hub_has_no_short_name_for_is_told_in_words(tmp_path: Path) -> None:
    metadata: dict[str, Writable] = {"general.license": "other", "general.license.name": "Acme Licence"}
    assert one(tmp_path, metadata).license == "Acme Licence"
    assert one(tmp_path, {"general.license": "other"}).license == "other"


@pytest.mark.parametrize(
    ("template", "chat", "tools"),
    [
        (None, False, False),
        ("", False, False),
        ("{% for m in messages %}{{ m }}{% endfor %}", True, False),
        ("{% if tools %}{{ tools | tojson }}{% endif %}", True, True),
        ("{{ message.tool_calls }}", True, True),
        ("toolset", True, False),
    ],
)
def test_what_the_chat_template_knows(
    tmp_path: Path, template: str | None, *, chat: bool, tools: bool
) -> None:
    model = one(tmp_path, {} if template is None else {"tokenizer.chat_template": template})
    assert (model.chat_template, model.tools) == (chat, tools)


def test_a_template_for_tools_beside_the_usual_one_counts(tmp_path: Path) -> None:
    metadata: dict[str, Writable] = {
        "tokenizer.chat_template": "{{ messages }}",
        "tokenizer.chat_template.tool_use": "{{ x }}",
    }
    assert one(tmp_path, metadata).tools is True


EXPERTS: dict[str, Shape] = {
    "token_embd.weight": ("F16", (256, 10)),
    "blk.0.ffn_gate_inp.weight": ("F32", (256, 8)),
    "blk.0.ffn_up_exps.weight": ("Q8_0", (256, 4, 8)),
    "blk.0.ffn_up_shexp.weight": ("Q8_0", (256, 4)),
}


def test_of_a_mixture_of_experts_fewer_weights_are_active(tmp_path: Path) -> None:
    model = one(tmp_path, {"llama.expert_count": 8, "llama.expert_used_count": 2}, EXPERTS)
    assert model.parameters == 256 * (10 + 8 + 32 + 4)
    assert model.active_parameters == 256 * (10 + 8 + 8 + 4)


@pytest.mark.parametrize(
    "metadata", [{}, {"llama.expert_count": 8}, {"llama.expert_count": 2, "llama.expert_used_count": 8}]
)
def test_active_weights_are_unknown_where_the_header_does_not_say_how_many_experts_work(
    tmp_path: Path, metadata: dict[str, Writable]
) -> None:
    assert one(tmp_path, metadata, EXPERTS).active_parameters is None


def test_experts_in_several_parts_are_counted_together(tmp_path: Path) -> None:
    first: dict[str, Writable] = {"general.architecture": "llama", "llama.expert_count": 8}
    first |= {"llama.expert_used_count": 2, "split.no": 0, "split.count": 2}
    write(tmp_path / "m-00001-of-00002.gguf", first, EXPERTS)
    write(tmp_path / "m-00002-of-00002.gguf", {"split.no": 1, "split.count": 2}, EXPERTS)
    (model,) = scan([tmp_path]).models
    assert (model.parameters, model.active_parameters) == (2 * 256 * 54, 2 * 256 * 30)


def test_the_layers_decide_how_a_small_model_is_quantized(tmp_path: Path) -> None:
    tensors: dict[str, Shape] = {
        "token_embd.weight": ("Q6_K", (256, 100)),
        "blk.0.ffn_up.weight": ("Q4_K", (256, 9)),
        "blk.0.attn_v.weight": ("Q6_K", (256, 3)),
    }
    assert one(tmp_path, {"general.file_type": 15}, tensors).quantization == "Q4_K_M"


@pytest.mark.parametrize(
    ("encoders", "vision"),
    [
        ({"clip.has_vision_encoder": True}, True),
        ({"clip.has_vision_encoder": True, "clip.has_audio_encoder": True}, True),
        ({"clip.has_audio_encoder": True}, False),
        ({"clip.has_vision_encoder": False}, False),
        ({}, True),
    ],
)
def test_a_model_sees_if_its_projector_is_for_pictures(
    tmp_path: Path, encoders: dict[str, Writable], *, vision: bool
) -> None:
    projector: dict[str, Writable] = {"general.architecture": "clip", "general.type": "mmproj"}
    write(tmp_path / "mmproj.gguf", projector | encoders)
    assert one(tmp_path, {}).vision is vision


def facts(path: Path) -> Facts:
    return facts_of(str(path), read_header(path))


def test_what_a_store_says_of_a_file_goes_before_what_the_file_says(tmp_path: Path) -> None:
    blob = write(tmp_path / "sha256-01", {"general.architecture": "llama", "general.name": "Inside"})
    candidate = Candidate(
        str(blob), (1, 2), store="ollama", title="llama3.2:3b", projector=str(tmp_path / "sha256-02")
    )
    found = Found(
        candidate,
        facts(blob),
        places=(str(blob), "/elsewhere"),
        titles=("llama3.2:3b", "llama3.2:latest"),
        available=False,
    )
    (model,), rejected = assemble([found], ())
    assert rejected == []
    assert (model.id, model.name, model.store) == ("llama3.2-3b", "llama3.2:3b", "ollama")
    assert (model.aliases, model.available) == (("llama3.2:latest",), False)
    assert model.places == (str(blob), "/elsewhere")
    assert (model.projector, model.vision) == (str(tmp_path / "sha256-02"), True)


def test_a_projector_that_a_store_names_is_taken_wherever_it_lies(tmp_path: Path) -> None:
    model = write(tmp_path / "a" / "model.gguf", {"general.architecture": "llama"})
    metadata: dict[str, Writable] = {"general.architecture": "clip", "clip.has_audio_encoder": True}
    projector = write(tmp_path / "b" / "blob", metadata)
    found = [
        Found(Candidate(str(model), (1, 2), projector=str(projector)), facts(model)),
        Found(Candidate(str(projector), (1, 3)), facts(projector)),
    ]
    (paired,), rejected = assemble(found, ())
    assert (paired.projector, paired.vision, rejected) == (str(projector), False, [])


def test_until_its_header_is_read_a_projector_that_a_store_names_is_no_model(tmp_path: Path) -> None:
    model = write(tmp_path / "a" / "model.gguf", {"general.architecture": "llama"})
    candidates = [Candidate(str(model), (1, 2), projector="/b/blob"), Candidate("/b/blob", (1, 3))]
    (paired,), rejected = assemble([Found(candidate, None) for candidate in candidates], ())
    assert (paired.projector, rejected) == ("/b/blob", [])


def test_a_projector_that_is_damaged_is_left_out(tmp_path: Path) -> None:
    model = write(tmp_path / "a" / "model.gguf", {"general.architecture": "llama"})
    found = Found(Candidate(str(model), (1, 2), projector="/b/blob"), facts(model))
    (alone,), _ = assemble([found], {"/b/blob"})
    assert (alone.projector, alone.vision) == (None, False)

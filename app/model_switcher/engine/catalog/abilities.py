"""What a file is for, and what a model can do, by its metadata and the names of its tensors."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import TYPE_CHECKING

from model_switcher.domain.catalog import Kind
from model_switcher.engine.catalog.values import flag, number, text, texts

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from model_switcher.engine.gguf import Value


class Role(StrEnum):
    """What a GGUF file is for."""

    MODEL = "model"
    PROJECTOR = "projector"
    ADAPTER = "adapter"
    CONTROL_VECTOR = "control vector"
    IMATRIX = "imatrix"
    VOCABULARY = "vocabulary"
    PICTURES = "pictures"
    SOUND = "sound"
    FOREIGN = "foreign"
    NAMELESS = "nameless"


# Architectures of models that make pictures or films: `IMG_ARCH_LIST` in ComfyUI-GGUF's loader.py, and newer ones.
_PICTURES = frozenset(
    {
        *("flux", "flux2", "sd1", "sdxl", "sd3", "aura", "hidream", "cosmos", "ltxv", "ltx2", "hyvid"),
        *("wan", "lumina2", "qwen_image", "chroma", "pig", "motif_video"),
    }
)
# It turns the codes of a speech model into sound (llama.cpp's llama-tts) and answers nothing by itself.
_SOUND = frozenset({"wavtokenizer-dec"})
# llama.cpp's architectures that have no decoder (src/llama-arch.cpp).
_ENCODERS = frozenset(
    {
        *("bert", "modern-bert", "neo-bert", "eurobert", "nomic-bert", "nomic-bert-moe", "jina-bert-v2"),
        *("jina-bert-v3", "gte", "gemma-embedding", "t5encoder", "llama-embed"),
    }
)
# Tags that model cards have on the Hugging Face hub, and converters carry over.
_EMBEDDING_TAGS = frozenset({"sentence-transformers", "feature-extraction", "sentence-similarity"})
_RERANKER_TAGS = frozenset({"text-ranking", "reranker"})
# `enum llama_pooling_type` in llama.cpp's include/llama.h.
_POOLING_NONE = 0
_POOLING_RANK = 4
# Tensors that make one score of a text: `LLM_TENSOR_CLS` and `LLM_TENSOR_CLS_OUT` in src/llama-arch.cpp.
_SCORE_TENSORS = frozenset({"cls.weight", "cls.output.weight"})
_TEMPLATE = "tokenizer.chat_template"
_TOOLS = re.compile(r"\btools\b|tool_call")


def role_of(metadata: Mapping[str, Value], *, has_tensors: bool) -> Role:
    """What a file is for that has the byte order of this machine."""
    kind = text(metadata, "general.type")
    architecture = text(metadata, "general.architecture")
    # A split model may keep all its metadata in a first part that has no tensors (gguf-split
    # --no-tensor-first-split); and only its first part has more than its part number.
    empty = not has_tensors and "split.count" not in metadata
    nameless = architecture is None and number(metadata, "split.no") is None
    signs = (
        (Role.PROJECTOR, kind == "mmproj" or architecture == "clip"),
        (Role.ADAPTER, kind == "adapter" or "adapter.type" in metadata),
        (Role.CONTROL_VECTOR, architecture == "controlvector"),
        (Role.IMATRIX, kind == "imatrix" or "imatrix.chunk_count" in metadata),
        (Role.VOCABULARY, kind == "vocab" or empty),
        (Role.PICTURES, architecture in _PICTURES),
        (Role.SOUND, architecture in _SOUND),
        (Role.NAMELESS, nameless),
    )
    return next((role for role, applies in signs if applies), Role.MODEL)


def kind_of(metadata: Mapping[str, Value], tensor_names: Collection[str]) -> Kind:
    """What a model is for; without names of tensors, as far as its metadata tells."""
    architecture = text(metadata, "general.architecture")
    pooling = metadata.get(f"{architecture}.pooling_type")
    encoder = architecture in _ENCODERS
    if pooling == _POOLING_RANK:
        return Kind.RERANKER
    if isinstance(pooling, int) and pooling > _POOLING_NONE:
        return Kind.EMBEDDING
    tags = {tag.casefold() for tag in texts(metadata, "general.tags")}
    if tags & _RERANKER_TAGS or not _SCORE_TENSORS.isdisjoint(tensor_names):
        return Kind.RERANKER
    return Kind.EMBEDDING if encoder or tags & _EMBEDDING_TAGS else Kind.TEXT


def has_chat_template(metadata: Mapping[str, Value]) -> bool:
    """Whether it brings a template of its own."""
    return bool(metadata.get(_TEMPLATE))


def knows_tools(metadata: Mapping[str, Value]) -> bool:
    """Whether its chat template can tell the model about tools."""
    template = metadata.get(_TEMPLATE)
    named = f"{_TEMPLATE}.tool_use" in metadata
    return named or (isinstance(template, str) and _TOOLS.search(template) is not None)


def sees(metadata: Mapping[str, Value]) -> bool:
    """Whether a projector is for pictures; one that says nothing is from before there was another kind."""
    vision = flag(metadata, "clip.has_vision_encoder")
    return vision if vision is not None else not flag(metadata, "clip.has_audio_encoder")

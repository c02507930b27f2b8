"""What one file says about itself."""

from __future__ import annotations

import re
import sys
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from model_switcher.domain.catalog import Kind
from model_switcher.domain.paths import file_stem
from model_switcher.domain.prediction.blueprint import Blueprint  # noqa: TC001 - msgspec asks for it when it decodes
from model_switcher.engine.catalog.abilities import (
    Role,
    has_chat_template,
    kind_of,
    knows_tools,
    role_of,
    sees,
)
from model_switcher.engine.catalog.blueprint import blueprint_of
from model_switcher.engine.catalog.values import most, number, text, texts

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from model_switcher.engine.gguf import Header, Tensor, Value
    from model_switcher.engine.gguf.beginning import Beginning

_SHARD = re.compile(r"^(?P<prefix>.+)-(?P<number>\d{5})-of-(?P<count>\d{5})$")
_EXPERTS = "_exps."
_LAYERS = "blk."
# What takes memory when it is loaded.
_WITH_BLUEPRINT = frozenset({Role.MODEL, Role.PROJECTOR})


@dataclass(frozen=True, slots=True, kw_only=True)
class Shard:
    """A part of a split file, by its name: `prefix-00002-of-00005.gguf`."""

    prefix: str
    number: int
    count: int

    def name(self, number: int) -> str:
        """File name of another part."""
        return f"{self.prefix}-{number:05}-of-{self.count:05}.gguf"


@dataclass(frozen=True, slots=True, kw_only=True)
class Weights:
    """How many weights a file has.

    Attributes:
        all: By tensor type; the key is None for types unknown to this program.
        layers: The same, of the layers alone: embeddings and output are often quantized in another way.
        experts: Those of which only some experts' share takes part in each token.
    """

    all: dict[str | None, int] = field(default_factory=dict)
    layers: dict[str | None, int] = field(default_factory=dict)
    experts: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What one file says about itself; sizes in bytes, unknown is None.

    Attributes:
        path: Where it lies.
        size: Bytes of the file.
        complete: Whether all of its header was read, or only the beginning.
        role: What the file is for.
        kind: What a model is for.
        shard: Which part it is of which model, by its name; None for a whole one.
        declared_parts: `split.count`: how many parts its header speaks of.
        name: `general.name`, with the size label where it lacks it.
        basename: `general.basename`.
        architecture: `general.architecture`.
        file_type: `general.file_type`.
        weights: How many, of which types.
        context_length: Tokens it was trained for.
        embedding_length: Of a model: the width of its embeddings.
        projection_length: Of a projector: the width of the embeddings it makes, where that can be relied on.
        base_model, size_label, license, languages: As its header says.
        block_count, head_count, head_count_kv: Layers, and the most heads that any of them has.
        expert_count, expert_used_count: Of a mixture of experts: how many there are, and how many a token uses.
        chat_template, tools: Whether there is a chat template, and whether it knows tool calls.
        vision: Of a projector: whether it is for pictures.
        blueprint: What memory depends on; None until all of the header was read.
    """

    path: str
    size: int
    complete: bool
    role: Role
    kind: Kind
    shard: Shard | None
    declared_parts: int | None
    name: str | None
    basename: str | None
    architecture: str | None
    file_type: int | None
    weights: Weights
    context_length: int | None
    embedding_length: int | None
    projection_length: int | None
    base_model: str | None
    size_label: str | None
    license: str | None
    languages: tuple[str, ...]
    block_count: int | None
    head_count: int | None
    head_count_kv: int | None
    expert_count: int | None
    expert_used_count: int | None
    chat_template: bool | None
    tools: bool | None
    vision: bool
    blueprint: Blueprint | None = None


def shard_of(path: str) -> Shard | None:
    """Which part of which split model a file is, by its name (llama.cpp finds the other parts by it)."""
    match = _SHARD.match(file_stem(path))
    if match is None:
        return None
    number, count = int(match["number"]), int(match["count"])
    return Shard(prefix=match["prefix"], number=number, count=count) if 1 <= number <= count else None


def facts_of(path: str, header: Header) -> Facts:
    """What the file at `path`, which has this header, is."""
    metadata = header.metadata
    foreign = header.big_endian != (sys.byteorder == "big")
    role = Role.FOREIGN if foreign else role_of(metadata, has_tensors=bool(header.tensors))
    declared = number(metadata, "split.count")
    return _facts(
        path,
        header.file_size,
        metadata,
        complete=True,
        role=role,
        kind=kind_of(metadata, {tensor.name for tensor in header.tensors}),
        # Parts that were made by cutting a file have such names too; they have no part numbers inside.
        shard=shard_of(path) if declared is not None and declared > 1 else None,
        weights=_weights(header.tensors),
        chat_template=has_chat_template(metadata),
        tools=knows_tools(metadata),
        blueprint=blueprint_of(header) if role in _WITH_BLUEPRINT else None,
    )


def first_facts(path: str, beginning: Beginning) -> Facts:
    """What the file at `path` seems to be by its beginning; part numbers and template often stand further on."""
    metadata, whole = beginning.metadata, beginning.all_keys
    shard = shard_of(path)
    declared = number(metadata, "split.count")
    split = (declared is None and not whole) or (declared is not None and declared > 1)
    part = shard if shard and shard.count > 1 and split else None
    return _facts(
        path,
        beginning.file_size,
        metadata,
        complete=False,
        role=role_of(metadata, has_tensors=beginning.tensor_count > 0 or part is not None),
        kind=kind_of(metadata, ()),
        shard=part,
        weights=Weights(),
        chat_template=has_chat_template(metadata) if whole else None,
        tools=knows_tools(metadata) if whole else None,
    )


def facts_by_name(path: str, size: int) -> Facts:
    """What a file seems to be before it was opened: a model, unless it is called a projector."""
    shard = shard_of(path)
    projector = "mmproj" in file_stem(path).lower()
    return _facts(
        path,
        size,
        {},
        complete=False,
        role=Role.PROJECTOR if projector else Role.MODEL,
        kind=Kind.TEXT,
        shard=shard if shard and shard.count > 1 else None,
        weights=Weights(),
        chat_template=None,
        tools=None,
    )


def _facts(
    path: str,
    size: int,
    metadata: Mapping[str, Value],
    *,
    complete: bool,
    role: Role,
    kind: Kind,
    shard: Shard | None,
    weights: Weights,
    chat_template: bool | None,
    tools: bool | None,
    blueprint: Blueprint | None = None,
) -> Facts:
    architecture = text(metadata, "general.architecture")
    heads, heads_kv = f"{architecture}.attention.head_count", f"{architecture}.attention.head_count_kv"
    return Facts(
        path=path,
        size=size,
        complete=complete,
        role=role,
        kind=kind,
        shard=shard,
        declared_parts=number(metadata, "split.count"),
        name=_name(metadata),
        basename=text(metadata, "general.basename"),
        architecture=architecture,
        file_type=number(metadata, "general.file_type"),
        weights=weights,
        context_length=number(metadata, f"{architecture}.context_length"),
        embedding_length=number(metadata, f"{architecture}.embedding_length"),
        projection_length=_projection_length(metadata),
        base_model=_base_model(metadata),
        size_label=text(metadata, "general.size_label"),
        license=_license(metadata),
        languages=texts(metadata, "general.languages"),
        block_count=number(metadata, f"{architecture}.block_count"),
        head_count=most(metadata, heads),
        # What has no number of its own here has as many as heads (llama.cpp, src/llama-model.cpp).
        head_count_kv=most(metadata, heads_kv if heads_kv in metadata else heads),
        expert_count=most(metadata, f"{architecture}.expert_count"),
        expert_used_count=most(metadata, f"{architecture}.expert_used_count"),
        chat_template=chat_template,
        tools=tools,
        vision=role is Role.PROJECTOR and sees(metadata),
        blueprint=blueprint,
    )


def _weights(tensors: Sequence[Tensor]) -> Weights:
    total: Counter[str | None] = Counter()
    layers: Counter[str | None] = Counter()
    experts = 0
    for tensor in tensors:
        kind, elements = tensor.type_name, tensor.elements
        total[kind] += elements
        if tensor.name.startswith(_LAYERS):
            layers[kind] += elements
            if _EXPERTS in tensor.name:
                experts += elements
    return Weights(all=dict(total), layers=dict(layers), experts=experts)


def _projection_length(metadata: Mapping[str, Value]) -> int | None:
    """Files from before `general.type` put the width of the vision tower there, which tells nothing."""
    if text(metadata, "general.type") != "mmproj":
        return None
    vision = number(metadata, "clip.vision.projection_dim")
    return vision if vision is not None else number(metadata, "clip.audio.projection_dim")


def _name(metadata: Mapping[str, Value]) -> str | None:
    name = text(metadata, "general.name")
    label = text(metadata, "general.size_label")
    if name and label and label.casefold() not in name.casefold():
        return f"{name} {label}"
    return name


def _base_model(metadata: Mapping[str, Value]) -> str | None:
    name = text(metadata, "general.base_model.0.name")
    address = text(metadata, "general.base_model.0.repo_url")
    return name or (address.rstrip("/").rpartition("/")[2] or None if address else None)


def _license(metadata: Mapping[str, Value]) -> str | None:
    """The hub's short name of it; for those that have none ("other") the name in words."""
    short = text(metadata, "general.license")
    return (text(metadata, "general.license.name") or short) if short in (None, "other") else short

"""What one file says about itself."""

from __future__ import annotations

import re
import sys
from collections import Counter
from dataclasses import dataclass
from enum import Enum, auto
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from model_switcher.engine.gguf import Header, Value

_SHARD = re.compile(r"^(?P<prefix>.+)-(?P<number>\d{5})-of-(?P<count>\d{5})$")
_MAX_NAME = 200


class Kind(Enum):
    """What a GGUF file is for."""

    MODEL = auto()
    PROJECTOR = auto()
    ADAPTER = auto()
    IMATRIX = auto()
    VOCABULARY = auto()
    FOREIGN = auto()
    NAMELESS = auto()


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
class Facts:
    """What one file says about itself; sizes in bytes, unknown is None.

    Attributes:
        path: Where it lies.
        size: Bytes of the file.
        kind: What it is for.
        shard: Which part it is of which model, by its name; None for a whole one.
        declared_parts: `split.count`: how many parts its header speaks of.
        name: `general.name`, with the size label where it lacks it.
        basename: `general.basename`.
        architecture: `general.architecture`.
        file_type: `general.file_type`.
        weights: Number of weights of each tensor type; the key is None for types unknown to this program.
        context_length: Tokens it was trained for.
        embedding_length: Of a model: the width of its embeddings.
        projection_length: Of a projector: the width of the embeddings it makes, where that can be relied on.
    """

    path: str
    size: int
    kind: Kind
    shard: Shard | None
    declared_parts: int | None
    name: str | None
    basename: str | None
    architecture: str | None
    file_type: int | None
    weights: Mapping[str | None, int]
    context_length: int | None
    embedding_length: int | None
    projection_length: int | None


def shard_of(path: str) -> Shard | None:
    """Which part of which split model a file is, by its name (llama.cpp finds the other parts by it)."""
    match = _SHARD.match(Path(path).stem)
    if match is None:
        return None
    number, count = int(match["number"]), int(match["count"])
    return Shard(prefix=match["prefix"], number=number, count=count) if 1 <= number <= count else None


def facts_of(path: str, header: Header) -> Facts:
    """What the file at `path`, which has this header, is."""
    metadata = header.metadata
    architecture = _text(metadata, "general.architecture")
    declared = _number(metadata, "split.count")
    weights: Counter[str | None] = Counter()
    for tensor in header.tensors:
        weights[tensor.type_name] += tensor.elements
    return Facts(
        path=path,
        size=header.file_size,
        kind=_kind(header, architecture),
        # Parts that were made by cutting a file have such names too; they have no part numbers inside.
        shard=shard_of(path) if declared is not None and declared > 1 else None,
        declared_parts=declared,
        name=_name(metadata),
        basename=_text(metadata, "general.basename"),
        architecture=architecture,
        file_type=_number(metadata, "general.file_type"),
        weights=weights,
        context_length=_number(metadata, f"{architecture}.context_length"),
        embedding_length=_number(metadata, f"{architecture}.embedding_length"),
        projection_length=_projection_length(metadata),
    )


def _kind(header: Header, architecture: str | None) -> Kind:
    metadata = header.metadata
    kind = _text(metadata, "general.type")
    if header.big_endian != (sys.byteorder == "big"):
        return Kind.FOREIGN
    if kind == "mmproj" or architecture == "clip":
        return Kind.PROJECTOR
    if kind == "adapter" or "adapter.type" in metadata:
        return Kind.ADAPTER
    if kind == "imatrix" or "imatrix.chunk_count" in metadata:
        return Kind.IMATRIX
    # A split model may keep all its metadata in a first part that has no tensors (gguf-split
    # --no-tensor-first-split).
    if not header.tensors and "split.count" not in metadata:
        return Kind.VOCABULARY
    # Only the first part of a split model has more than its part number.
    nameless = architecture is None and _number(metadata, "split.no") is None
    return Kind.NAMELESS if nameless else Kind.MODEL


def _projection_length(metadata: Mapping[str, Value]) -> int | None:
    """Files from before `general.type` put the width of the vision tower there, which tells nothing."""
    if _text(metadata, "general.type") != "mmproj":
        return None
    vision = _number(metadata, "clip.vision.projection_dim")
    return vision if vision is not None else _number(metadata, "clip.audio.projection_dim")


def _name(metadata: Mapping[str, Value]) -> str | None:
    name = _text(metadata, "general.name")
    label = _text(metadata, "general.size_label")
    if name and label and label.casefold() not in name.casefold():
        return f"{name} {label}"
    return name


def _text(metadata: Mapping[str, Value], key: str) -> str | None:
    """A string without control characters; None if there is none, or nothing in it."""
    value = metadata.get(key)
    if not isinstance(value, str):
        return None
    words = "".join(character if character.isprintable() else " " for character in value[:_MAX_NAME]).split()
    return " ".join(words) or None


def _number(metadata: Mapping[str, Value], key: str) -> int | None:
    """A positive whole number; None for everything else (the first part of a split model has number 0)."""
    value = metadata.get(key)
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else None

"""All of a header that a model's memory depends on, packed into some hundred bytes."""

from __future__ import annotations

import functools
import math
import re
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import msgspec

from model_switcher.domain.tensor_types import TENSOR_TYPES

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

# What llama.cpp allows: LLAMA_MAX_LAYERS in src/llama-hparams.h. Real models stay far below the other bounds.
_MAX_BLOCKS = 512
_MAX_TENSORS = 1 << 16
_MAX_HYPERPARAMETERS = 256
# Forks of llama.cpp number their own types; of those that do not fit into a byte nothing is known.
_MAX_TYPE = 0xFF
_NUMBER = re.compile(r"[0-9]{1,3}")

Hyperparameter = bool | int | float | str | list[bool | int | float]


@dataclass(frozen=True, slots=True)
class Tensor:
    """One tensor of a model.

    Attributes:
        name: Without "blk.N." for those of a block.
        type: Number in `enum ggml_type`.
        shape: Elements in each dimension, the row length first.
    """

    name: str
    type: int
    shape: tuple[int, ...]

    @property
    def size(self) -> int:
        """Bytes; a weight of a type this program does not know counts one byte."""
        kind = TENSOR_TYPES.get(self.type)
        elements = math.prod(self.shape)
        return elements // kind.block_elements * kind.block_bytes if kind else elements

    @property
    def type_name(self) -> str | None:
        """As llama.cpp names it ("Q4_K"); None for a type this program does not know."""
        kind = TENSOR_TYPES.get(self.type)
        return kind.name if kind else None


@dataclass(frozen=True, slots=True)
class Blueprint:
    """What a model's memory depends on, in a packed form that costs nothing to keep, to store and to compare.

    Attributes:
        data: What `Layout` says, packed; `open_blueprint` unpacks it.
    """

    data: bytes


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Layout:
    """An open blueprint.

    Attributes:
        architecture: `general.architecture`.
        hyperparameters: Numbers, flags and short texts by key, without the architecture before it.
        outer: Tensors that belong to no block.
        blocks: Tensors of each block by its number and their names; a number may be missing.
    """

    architecture: str
    hyperparameters: Mapping[str, Hyperparameter]
    outer: Mapping[str, Tensor]
    blocks: Mapping[int, Mapping[str, Tensor]] = field(default_factory=dict)


class _Packed(msgspec.Struct, array_like=True, frozen=True):
    """Blocks are alike but for their types: what they have in common stands once.

    Attributes:
        shapes: Names and shapes of the tensors of each kind of block.
        blocks: Number, kind, and a byte for the type of each tensor.
    """

    architecture: str
    hyperparameters: dict[str, Hyperparameter]
    outer: list[tuple[str, int, tuple[int, ...]]]
    shapes: list[list[tuple[str, tuple[int, ...]]]]
    blocks: list[tuple[int, int, bytes]]


_decoder = msgspec.msgpack.Decoder(_Packed)


def pack(
    architecture: str, hyperparameters: Mapping[str, Hyperparameter], tensors: Iterable[Tensor]
) -> Blueprint | None:
    """The blueprint of a model, or of one part of a split model; None for one beyond what llama.cpp loads.

    Args:
        architecture: `general.architecture`; "" in parts that do not say it.
        hyperparameters: By key, without the architecture before it.
        tensors: With their whole names ("blk.0.attn_q.weight").
    """
    outer: list[Tensor] = []
    blocks: dict[int, list[Tensor]] = defaultdict(list)
    for count, tensor in enumerate(tensors):
        if count == _MAX_TENSORS or tensor.type > _MAX_TYPE:
            return None
        number, name = _place(tensor.name)
        if number is None:
            outer.append(tensor)
        else:
            blocks[number].append(Tensor(name, tensor.type, tensor.shape))
    if len(blocks) > _MAX_BLOCKS or len(hyperparameters) > _MAX_HYPERPARAMETERS:
        return None
    return _pack(architecture, hyperparameters, outer, blocks)


@functools.lru_cache(2048)
def open_blueprint(blueprint: Blueprint) -> Layout:
    """What a blueprint says.

    Raises:
        ValueError: `blueprint` was not made by `pack`.
    """
    try:
        packed = _decoder.decode(blueprint.data)
    except msgspec.MsgspecError as error:
        raise ValueError(str(error)) from error
    return Layout(
        architecture=packed.architecture,
        hyperparameters=packed.hyperparameters,
        outer={name: Tensor(name, kind, shape) for name, kind, shape in packed.outer},
        blocks={
            number: {
                name: Tensor(name, kind, shape)
                for (name, shape), kind in zip(packed.shapes[form], kinds, strict=True)
            }
            for number, form, kinds in packed.blocks
        },
    )


@functools.lru_cache(256)
def merge(parts: tuple[Blueprint, ...]) -> Blueprint | None:
    """The blueprint of a split model out of those of its parts, the first one first."""
    if len(parts) == 1:
        return parts[0]
    layouts = [open_blueprint(part) for part in parts]
    outer: list[Tensor] = []
    blocks: dict[int, list[Tensor]] = defaultdict(list)
    for layout in layouts:
        outer += layout.outer.values()
        for number, tensors in layout.blocks.items():
            blocks[number] += tensors.values()
    if len(blocks) > _MAX_BLOCKS:
        return None
    return _pack(layouts[0].architecture, layouts[0].hyperparameters, outer, blocks)


def _pack(
    architecture: str,
    hyperparameters: Mapping[str, Hyperparameter],
    outer: Sequence[Tensor],
    blocks: Mapping[int, Sequence[Tensor]],
) -> Blueprint:
    forms: dict[tuple[tuple[str, tuple[int, ...]], ...], int] = {}
    packed: list[tuple[int, int, bytes]] = []
    for number, tensors in sorted(blocks.items()):
        ordered = sorted(tensors, key=lambda tensor: tensor.name)
        form = tuple((tensor.name, tensor.shape) for tensor in ordered)
        packed.append((number, forms.setdefault(form, len(forms)), bytes(tensor.type for tensor in ordered)))
    return Blueprint(
        msgspec.msgpack.encode(
            _Packed(
                architecture=architecture,
                hyperparameters=dict(hyperparameters),
                outer=[(tensor.name, tensor.type, tensor.shape) for tensor in outer],
                shapes=[list(form) for form in forms],
                blocks=packed,
            )
        )
    )


def _place(name: str) -> tuple[int | None, str]:
    """The number of the block that a tensor belongs to, and its name there; None for no block."""
    head, _, rest = name.partition(".")
    number, _, suffix = rest.partition(".")
    if head == "blk" and suffix and _NUMBER.fullmatch(number):
        return int(number), suffix
    return None, name

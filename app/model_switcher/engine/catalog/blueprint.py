"""The blueprint of a model out of its header."""

from __future__ import annotations

from typing import TYPE_CHECKING

from model_switcher.domain.prediction.blueprint import Blueprint, Hyperparameter, Tensor, pack

if TYPE_CHECKING:
    from collections.abc import Mapping

    from model_switcher.engine.gguf import Header, Value

# Per-layer numbers; llama.cpp loads at most 512 layers (LLAMA_MAX_LAYERS). Longer lists are vocabularies.
_MAX_LIST = 512
_MAX_TEXT = 64


def blueprint_of(header: Header) -> Blueprint | None:
    """All of a header that memory depends on; None for one beyond what llama.cpp loads."""
    architecture = header.metadata.get("general.architecture")
    name = architecture if isinstance(architecture, str) else ""
    tensors = (Tensor(tensor.name, tensor.type, tensor.shape) for tensor in header.tensors)
    return pack(name, _hyperparameters(name, header.metadata), tensors)


def _hyperparameters(architecture: str, metadata: Mapping[str, Value]) -> dict[str, Hyperparameter]:
    """Numbers, flags and short words of the architecture, without its name before them."""
    prefix = f"{architecture}."
    found: dict[str, Hyperparameter] = {}
    for key, value in metadata.items():
        if not architecture or not key.startswith(prefix):
            continue
        if isinstance(value, tuple):
            numbers = [item for item in value if not isinstance(item, str)]
            if len(numbers) == len(value) <= _MAX_LIST:
                found[key.removeprefix(prefix)] = numbers
        elif not isinstance(value, str) or len(value) <= _MAX_TEXT:
            found[key.removeprefix(prefix)] = value
    return found

"""How a model is loaded, as far as memory depends on it: llama-server's options and their defaults."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

Option = str | int | float | bool

# llama-server's own: tools/server/server.cpp (slots), common/common.h (the rest).
_SLOTS = 4
_BATCH = 2048
_UBATCH = 512
_ALL_BLOCKS = 512

_YES = frozenset({"on", "true", "1", "enabled", "yes", "auto", ""})
_NO = frozenset({"off", "false", "0", "disabled", "no"})
_OVERRIDE = re.compile(r"^(?P<pattern>.+)=(?P<buffer>[^=]+)$")


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadOptions:
    """Options of llama-server by its own names.

    Attributes:
        ctx_size: Tokens; 0 for what the model was trained for.
        cache_type_k, cache_type_v: Types of the cache, such as "f16" and "q8_0".
        n_gpu_layers: Layers on the GPU, the output layer being one; None for all.
        parallel: Slots.
        kv_unified: Whether the slots share one context.
        batch_size, ubatch_size: Tokens that are given to the model, and worked on, at once.
        flash_attn: Whether attention is computed without its matrix of scores; None for wherever it can be.
        swa_full: Whether layers with a sliding window keep the whole context.
        kv_offload: Whether caches lie where their layers do.
        op_offload: Whether the GPU may work with weights that lie in main memory.
        n_cpu_moe: Blocks, from the first on, whose experts stay in main memory.
        n_cpu_ffn: Blocks, from the first on, whose feed-forward networks stay there.
        override_tensor: Patterns of tensor names, and whether what they match stays in main memory.
        mmproj_offload: Whether the projector lies on the GPU.
        embedding: Whether each text becomes a vector or a score.
    """

    ctx_size: int = 0
    cache_type_k: str = "f16"
    cache_type_v: str = "f16"
    n_gpu_layers: int | None = None
    parallel: int = _SLOTS
    kv_unified: bool = True
    batch_size: int = _BATCH
    ubatch_size: int = _UBATCH
    flash_attn: bool | None = None
    swa_full: bool = False
    kv_offload: bool = True
    op_offload: bool = True
    n_cpu_moe: int = 0
    n_cpu_ffn: int = 0
    override_tensor: tuple[tuple[str, bool], ...] = ()
    mmproj_offload: bool = True
    embedding: bool = False


def load_options(options: Mapping[str, Option]) -> LoadOptions:
    """What launch options say; a value that llama-server would refuse counts as its default."""
    slots = _number(options, "parallel", -1)
    # Unset means four slots that share one context; a number of slots means a context for each.
    unified = _flag(options, "kv-unified", default=slots < 1)
    embedding = any(_flag(options, name, default=False) for name in _EMBEDDING)
    ubatch = _number(options, "ubatch-size", _UBATCH)
    batch = _number(options, "batch-size", _BATCH)
    return LoadOptions(
        ctx_size=max(0, _number(options, "ctx-size", 0)),
        cache_type_k=_word(options, "cache-type-k", "f16"),
        cache_type_v=_word(options, "cache-type-v", "f16"),
        n_gpu_layers=_layers(options),
        parallel=slots if slots > 0 else _SLOTS,
        kv_unified=unified,
        batch_size=min(batch, ubatch) if embedding else batch,
        ubatch_size=ubatch,
        flash_attn=_flash_attn(options),
        swa_full=_flag(options, "swa-full", default=False),
        kv_offload=_flag(options, "kv-offload", default=True),
        op_offload=_flag(options, "op-offload", default=True),
        n_cpu_moe=_ALL_BLOCKS
        if _flag(options, "cpu-moe", default=False)
        else _number(options, "n-cpu-moe", 0),
        n_cpu_ffn=_number(options, "n-cpu-ffn", 0),
        override_tensor=_overrides(_word(options, "override-tensor", "")),
        mmproj_offload=_flag(options, "mmproj-offload", default=True),
        embedding=embedding,
    )


_EMBEDDING = ("embedding", "embeddings", "rerank", "reranking")


def _number(options: Mapping[str, Option], name: str, default: int) -> int:
    value = options.get(name)
    if isinstance(value, bool):
        return default
    try:
        return int(value) if value is not None else default
    except (ValueError, OverflowError):
        return default


def _word(options: Mapping[str, Option], name: str, default: str) -> str:
    value = options.get(name)
    return value.strip() or default if isinstance(value, str) else default


def _flag(options: Mapping[str, Option], name: str, *, default: bool) -> bool:
    for key, meaning in ((name, True), (f"no-{name}", False)):
        if key in options:
            word = str(options[key]).strip().lower()
            if word in _YES:
                return meaning
            if word in _NO:
                return not meaning
    return default


def _flash_attn(options: Mapping[str, Option]) -> bool | None:
    if str(options.get("flash-attn", "auto")).strip().lower() == "auto":
        return None
    return _flag(options, "flash-attn", default=True)


def _layers(options: Mapping[str, Option]) -> int | None:
    for name in ("n-gpu-layers", "gpu-layers"):
        number = _number(options, name, -1)
        if number >= 0:
            return number
    return None


def _overrides(text: str) -> tuple[tuple[str, bool], ...]:
    """Of "pattern=buffer,…": each pattern that can be read, and whether its buffer is one of main memory."""
    found: list[tuple[str, bool]] = []
    for entry in text.split(","):
        match = _OVERRIDE.match(entry.strip())
        if match is None:
            continue
        try:
            re.compile(match["pattern"])
        except re.error:
            continue
        found.append((match["pattern"], "CPU" in match["buffer"] or match["buffer"].endswith("Host")))
    return tuple(found)

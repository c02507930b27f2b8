"""llama.cpp's own account of the memory that it takes, out of an engine's log.

At verbosity 4 an engine writes a table (common/fit.cpp, `common_memory_breakdown_print`) before it allocates anything,
and the size of every buffer (src/llama-model.cpp, src/llama-kv-cache.cpp, src/llama-context.cpp) when it does:

    | memory breakdown [MiB]     | total    free    self   model   context   compute    unaccounted |
    |   - Vulkan0 (RTX 4070)     | 16384 = 16384 + (9553 =  6956 +    2464 +     133) +       -9553 |
    |   - Host                   |                   823 =   787 +       0 +      35                |
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from model_switcher.domain.need import Amount
from model_switcher.domain.units import MIB

VERBOSITY = 4  # `LOG_LEVEL_TRACE` in common/log.h

_ROW = re.compile(r"memory_breakdown_print: \| +- (?P<name>.+\S) +\|(?P<figures>[^|]*)\|\s*$")
_PROJECTOR = re.compile(r"estimated worst-case memory usage of mmproj is ([\d.]+) MiB")
_BUFFER = re.compile(
    r"(?P<device>\S+) +(?P<kind>model|KV|RS|compute|output) buffer size = +(?P<size>[\d.]+) MiB"
)
_CONTEXT = re.compile(r"n_slots = (\d+), n_ctx_slot = (\d+), kv_unified = '(\w+)'")
_LAYERS = re.compile(r"offloaded (\d+)/(\d+) layers to GPU")
_NUMBER = re.compile(r"-?\d+")
# Buffers in main memory: the processor's own, and what GPUs work on from there ("Vulkan_Host").
_HOST = re.compile(r"^(Host|CPU.*|.*_Host|AMX|BLAS)$")
_DEVICE_FIGURES, _HOST_FIGURES = 7, 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """What goes on the GPUs together, and what into main memory."""

    device: Amount
    host: Amount


class Table:
    """The first table of a log, read line by line."""

    def __init__(self) -> None:
        self._device = Amount()
        self._host = Amount()
        self._rows = 0
        self._whole = False
        self._projector = 0

    @property
    def projector(self) -> int:
        """Bytes of the projector, which the table leaves out."""
        return self._projector

    @property
    def account(self) -> Account | None:
        """What the table says; None as long as it is not whole."""
        return Account(device=self._device, host=self._host) if self._whole else None

    def hear(self, line: str) -> bool:
        """Another line; whether the table is whole."""
        if self._whole:
            return True
        match = _ROW.search(line)
        if match is None:
            # It has no end of its own.
            self._whole = self._rows > 0
            if projector := _PROJECTOR.search(line):
                self._projector = _bytes(projector[1])
            return self._whole
        figures = [int(number) for number in _NUMBER.findall(match["figures"])]
        if len(figures) == _DEVICE_FIGURES:
            self._device = _plus(self._device, *figures[3:6])
            self._rows += 1
        elif len(figures) == _HOST_FIGURES:
            self._add_row(match["name"], figures)
        return False

    def _add_row(self, name: str, figures: list[int]) -> None:
        if _HOST.match(name):
            self._host = _plus(self._host, *figures[1:])
        else:
            self._device = _plus(self._device, *figures[1:])
        self._rows += 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """What an engine's log says of a load.

    Attributes:
        ctx_size: Context of all slots together, in tokens; None if it does not say.
        layers: Layers on the GPU, the output layer being one; None if it does not say.
        all_layers: Whether those are all.
        account: Its buffers; None below verbosity 4.
    """

    ctx_size: int | None
    layers: int | None
    all_layers: bool
    account: Account | None


def loaded(lines: list[str]) -> Loaded:
    """What the lines of one start say of it."""
    context: int | None = None
    layers: int | None = None
    all_layers = False
    host: dict[str, int] = {}
    device: dict[str, int] = {}
    trying = False
    for line in lines:
        if "common_fit_params: " in line:
            trying = False
        elif "getting device memory data" in line:
            trying = True
        elif not trying and (match := _BUFFER.search(line)):
            kinds = host if _HOST.match(match["device"].removesuffix("_Mapped")) else device
            kinds[match["kind"]] = kinds.get(match["kind"], 0) + _bytes(match["size"])
        elif match := _CONTEXT.search(line):
            slots, size = int(match[1]), int(match[2])
            context = size if match[3] == "true" else size * slots
        elif not trying and (match := _LAYERS.search(line)):
            layers, all_layers = int(match[1]), match[1] == match[2]
    account = Account(device=_amount(device), host=_amount(host)) if "model" in {*host, *device} else None
    return Loaded(ctx_size=context, layers=layers, all_layers=all_layers, account=account)


def _amount(kinds: dict[str, int]) -> Amount:
    return Amount(
        weights=kinds.get("model", 0),
        cache=kinds.get("KV", 0) + kinds.get("RS", 0),
        compute=kinds.get("compute", 0) + kinds.get("output", 0),
    )


def _plus(amount: Amount, model: int, context: int, compute: int) -> Amount:
    return Amount(
        weights=amount.weights + model * MIB,
        cache=amount.cache + context * MIB,
        compute=amount.compute + compute * MIB,
    )


def _bytes(mebibytes: str) -> int:
    return round(float(mebibytes) * MIB)

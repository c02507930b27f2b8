"""Whether an engine ran out of memory: which, how much it asked for, and what for."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from model_switcher.domain.remedies import Remedy, RemedyKind
from model_switcher.domain.states import Cause
from model_switcher.domain.units import MIB, format_size
from model_switcher.engine.binaries.causes.verdict import FREE_MAIN_MEMORY, Subject, Verdict

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

# The engine goes on without pinned or locked memory; it only warns.
_MERE_WARNING = re.compile(r"pinned|mlock|VirtualLock", re.IGNORECASE)

# ggml-alloc.c and ggml-backend.cpp; the name is that of the device, or of the kind of memory.
_BUFFER = re.compile(r"failed to allocate (?P<where>\S+) buffer of size (?P<bytes>\d+)")
_HOST_BUFFER = re.compile(r"^(?:CPU|AMX)|_(?:Host|host)$")

_ON_GPU = (
    re.compile(r"allocating (?P<mib>[\d.]+) MiB on device \d+: \w*Malloc failed", re.IGNORECASE),
    re.compile(r"Device memory allocation of size (?P<bytes>\d+) failed"),
    re.compile(r"failed to allocate Metal buffer of (?P<bytes>\d+) bytes"),
    re.compile(r"failed to allocate buffer, size = +(?P<mib>[\d.]+) MiB"),
    re.compile(r"(?:CUDA|ROCm|MUSA|HIP|Vulkan)\S* error:? .*out of memory|OutOfDeviceMemory"),
    re.compile(r"kIOGPUCommandBufferCallbackErrorOutOfMemory|exceeds the available memory", re.IGNORECASE),
)
_IN_RAM = (
    re.compile(r"insufficient memory \(attempted to allocate +(?P<mib>[\d.]+) MB\)"),
    re.compile(
        r"cannot allocate memory|OutOfHostMemory|std::bad_alloc|failed to reserve memory", re.IGNORECASE
    ),
    re.compile(r"insufficient memory|Not enough memory resources|paging file is too small", re.IGNORECASE),
)
_SOMEWHERE = re.compile(
    r"out of memory|failed to allocate|unable to allocate|failed to reserve", re.IGNORECASE
)

# What the memory was for, by what follows in the log; with the hint that helps there.
_PURPOSES = (
    (
        re.compile(r"failed to allocate buffer for (?:kv|rs) cache|compressor state", re.IGNORECASE),
        " for its context",
        "A smaller ctx-size needs less.",
    ),
    (
        re.compile(r"failed to allocate compute|failed to reserve graph", re.IGNORECASE),
        " to compute with",
        "A smaller ctx-size or ubatch-size needs less.",
    ),
    (
        re.compile(r"error loading model: unable to allocate", re.IGNORECASE),
        " for its weights",
        "Choose a smaller quantisation, or fewer layers on the GPU (n-gpu-layers).",
    ),
)
_NO_PURPOSE = ("", "Choose a smaller ctx-size or a smaller quantisation, or free memory.")


def out_of_memory(log: Sequence[str], subject: Subject, *, only_certain: bool) -> Verdict | None:
    """What the log says about memory that could not be had; None if it says nothing.

    Args:
        log: Lines, oldest first.
        subject: What it is about.
        only_certain: Whether to pass over lines that an engine also writes and goes on.
    """
    lines = [line for line in log if not _MERE_WARNING.search(line)]
    asked, on_gpu = _asked(lines)
    if on_gpu is None and (only_certain or not any(_SOMEWHERE.search(line) for line in lines)):
        return None
    purpose, hint = _purpose(lines)
    size = f": it asked for another {format_size(asked)}" if asked else ""
    if on_gpu is False:
        return Verdict(
            cause=Cause.OUT_OF_RAM,
            sentence=f"There is not enough main memory for {subject.model} with these options{size}{purpose}",
            hint=FREE_MAIN_MEMORY if not purpose else f"{hint} Or end other programs.",
            asked=asked,
            action=Remedy(action=RemedyKind.FREE_MEMORY),
        )
    kind = "GPU memory" if on_gpu else "memory"
    return Verdict(
        cause=Cause.OUT_OF_MEMORY,
        sentence=f"There is not enough {kind} for {subject.model} with these options{size}{purpose}",
        hint=hint,
        asked=asked,
    )


def _asked(lines: Sequence[str]) -> tuple[int | None, bool | None]:
    """How many bytes were asked for last, and whether of the GPU; None for what is not said.

    The last one: an engine may try elsewhere first, or with less.
    """
    for line in reversed(lines):
        if match := _BUFFER.search(line):
            return int(match["bytes"]), not _HOST_BUFFER.search(match["where"])
    for on_gpu, patterns in ((True, _ON_GPU), (False, _IN_RAM)):
        for line in reversed(lines):
            for match in _matches(patterns, line):
                return _bytes(match), on_gpu
    return None, None


def _matches(patterns: Iterable[re.Pattern[str]], line: str) -> Iterable[re.Match[str]]:
    return (match for pattern in patterns if (match := pattern.search(line)))


def _bytes(match: re.Match[str]) -> int | None:
    groups = match.groupdict()
    if groups.get("bytes"):
        return int(groups["bytes"])
    return round(float(groups["mib"]) * MIB) if groups.get("mib") else None


def _purpose(lines: Sequence[str]) -> tuple[str, str]:
    for line in reversed(lines):
        for pattern, purpose, hint in _PURPOSES:
            if pattern.search(line):
                return purpose, hint
    return _NO_PURPOSE

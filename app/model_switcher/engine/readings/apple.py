"""Apple's processors: one memory for the processor and its GPU.

How much of it the GPU may use is Metal's word (`recommendedMaxWorkingSetSize`), which follows `iogpu.wired_limit_mb`
if the user has set that; without Metal it is what was seen with other people's computers: two thirds of up to 36 GiB,
three quarters of more. What it holds in all, and for which process, nobody tells without the right to look into others.
"""

from __future__ import annotations

import contextlib
import ctypes
import functools
import time
from typing import TYPE_CHECKING, Protocol

from model_switcher.domain.memory import Gpu
from model_switcher.domain.units import GIB, MIB
from model_switcher.engine.readings.ram import read_ram

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from model_switcher.domain.memory import Ram

_LIMIT_KEPT = 30.0
_LARGE = 36 * GIB
_LONGEST_TEXT = 256


class System(Protocol):
    """What macOS is asked for, so that a test can answer in its place."""

    def number(self, name: str) -> int | None:
        """A number by its name in sysctl(3)."""
        ...

    def text(self, name: str) -> str | None:
        """A text by its name in sysctl(3)."""
        ...

    def working_set(self) -> int | None:
        """Bytes that Metal recommends to use at most."""
        ...


class AppleGpu:
    """The GPU inside an Apple processor; none in Macs with one of Intel's.

    Args:
        system: macOS.
        ram: Reads main memory.
        clock: Seconds of a clock that never goes back.
    """

    def __init__(
        self,
        system: System | None = None,
        ram: Callable[[], Ram | None] = read_ram,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._system = system or MacOs()
        self._ram = ram
        self._clock = clock
        self._limit: int | None = None
        self._limit_due = 0.0

    def read(self, server_pids: Sequence[int] = ()) -> tuple[tuple[Gpu, ...], str | None]:
        """The GPU: `total` is what it may use of main memory, `free` what of that is free there."""
        del server_pids
        if self._system.number("hw.optional.arm64") != 1:
            return (), None
        now = self._clock()
        if now >= self._limit_due:
            self._limit, self._limit_due = self._read_limit(), now + _LIMIT_KEPT
        ram, total = self._ram(), self._limit
        free = None if ram is None or total is None else min(ram.available, total)
        gpu = Gpu(
            index=0,
            name=self._system.text("machdep.cpu.brand_string") or "Apple GPU",
            source="apple",
            total=total,
            used=None if free is None or total is None else total - free,
            free=free,
            id="apple",
            integrated=True,
        )
        return (gpu,), None

    def close(self) -> None:
        """Nothing is held open."""

    def _read_limit(self) -> int | None:
        recommended = self._system.working_set()
        if recommended:
            return recommended
        set_by_user = self._system.number("iogpu.wired_limit_mb")
        if set_by_user:
            return set_by_user * MIB
        memory = self._system.number("hw.memsize")
        if memory is None:
            return None
        return memory * 3 // 4 if memory > _LARGE else memory * 2 // 3


class MacOs:
    """macOS itself, by libSystem and Metal."""

    def number(self, name: str) -> int | None:
        """A number by its name in sysctl(3), of four or eight bytes; None if there is none of that name."""
        data = _sysctl(name)
        return int.from_bytes(data, "little") if data is not None and len(data) in (4, 8) else None

    def text(self, name: str) -> str | None:
        """A text by its name in sysctl(3); None if there is none of that name."""
        data = _sysctl(name)
        return None if data is None else data.rstrip(b"\0").decode(errors="replace") or None

    def working_set(self) -> int | None:
        """Bytes that Metal recommends to use at most; None if there is no Metal."""
        metal = _metal()
        return None if metal is None else metal() or None


def _sysctl(name: str) -> bytes | None:
    try:
        function = ctypes.CDLL(None).sysctlbyname
    except (OSError, AttributeError):
        return None
    buffer, size = ctypes.create_string_buffer(_LONGEST_TEXT), ctypes.c_size_t(_LONGEST_TEXT)
    if function(name.encode(), buffer, ctypes.byref(size), None, ctypes.c_size_t(0)) != 0:
        return None
    return buffer.raw[: size.value]


@functools.cache
def _metal() -> Callable[[], int] | None:
    """Asks the GPU for `recommendedMaxWorkingSetSize` (https://developer.apple.com/documentation/metal/mtldevice)."""
    with contextlib.suppress(OSError, AttributeError):
        # A program that has not loaded it is told of no GPU.
        ctypes.CDLL("/System/Library/Frameworks/CoreGraphics.framework/CoreGraphics")
        metal = ctypes.CDLL("/System/Library/Frameworks/Metal.framework/Metal")
        objc = ctypes.CDLL("/usr/lib/libobjc.A.dylib")
        metal.MTLCreateSystemDefaultDevice.restype = ctypes.c_void_p
        objc.sel_registerName.restype = ctypes.c_void_p
        device = metal.MTLCreateSystemDefaultDevice()
        selector = objc.sel_registerName(b"recommendedMaxWorkingSetSize")
        send = ctypes.CFUNCTYPE(ctypes.c_uint64, ctypes.c_void_p, ctypes.c_void_p)(("objc_msgSend", objc))
        if device and selector:
            return lambda: int(send(device, selector))
    return None

"""NVIDIA GPUs, by the driver's management library (NVML, https://docs.nvidia.com/deploy/nvml-api/)."""

from __future__ import annotations

import contextlib
import math
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pynvml

from model_switcher.domain.memory import Gpu, GpuProcess
from model_switcher.engine.readings.ram import ProcessNames

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

RETRY_SECONDS = 30.0

_nvml: Any = pynvml  # untyped
# The driver is there and does not give this figure.
_NOT_GIVEN = frozenset(
    {
        pynvml.NVML_ERROR_NOT_SUPPORTED,
        pynvml.NVML_ERROR_NO_PERMISSION,
        pynvml.NVML_ERROR_FUNCTION_NOT_FOUND,
        pynvml.NVML_ERROR_NO_DATA,
    }
)
# The driver or the GPU is not there any more.
_GONE = frozenset(
    {
        pynvml.NVML_ERROR_UNINITIALIZED,
        pynvml.NVML_ERROR_DRIVER_NOT_LOADED,
        pynvml.NVML_ERROR_GPU_IS_LOST,
        pynvml.NVML_ERROR_RESET_REQUIRED,
        pynvml.NVML_ERROR_LIB_RM_VERSION_MISMATCH,
    }
)
_SENTENCES = {
    pynvml.NVML_ERROR_LIBRARY_NOT_FOUND: "There is no NVIDIA driver on this computer.",
    pynvml.NVML_ERROR_DRIVER_NOT_LOADED: "The NVIDIA driver is not running.",
    pynvml.NVML_ERROR_LIB_RM_VERSION_MISMATCH: "The NVIDIA driver was updated: restart the computer.",
    pynvml.NVML_ERROR_GPU_IS_LOST: "The GPU does not answer any more: restart the computer.",
    pynvml.NVML_ERROR_RESET_REQUIRED: "The GPU has to be reset: restart the computer.",
    pynvml.NVML_ERROR_NO_PERMISSION: "You may not read the figures of the NVIDIA driver.",
}


@dataclass(frozen=True, slots=True)
class _Device:
    index: int
    handle: Any
    name: str
    uuid: str
    pci: str | None
    process_names: ProcessNames = field(default_factory=ProcessNames)


class Nvml:
    """All NVIDIA GPUs. Connects to the driver when first read, and again when it was lost.

    Args:
        clock: Seconds of a clock that never goes back.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._devices: list[_Device] | None = None
        self._incomplete = False
        self._next_attempt = -math.inf
        self._problem: str | None = None

    def read(self, server_pids: Sequence[int] = ()) -> tuple[tuple[Gpu, ...], str | None]:
        """Every GPU that answers, and why there is none (None if there is one).

        A driver that was lost is connected to again at once; if that fails, or it is lost again, every 30 seconds.
        """
        del server_pids  # the driver tells of all processes at once
        gpus, errors = self._read_devices()
        may_connect = self._clock() >= self._next_attempt
        if may_connect and (self._devices is None or errors or self._incomplete):
            return self._connect()
        if errors:
            self._incomplete = True
            self._problem = _sentence(errors)
        return gpus, None if gpus else self._problem

    def close(self) -> None:
        """Let the driver go; a later reading connects again."""
        if self._devices is not None:
            self._devices = None
            with contextlib.suppress(pynvml.NVMLError):  # a driver that is gone cannot be told
                _nvml.nvmlShutdown()

    def _connect(self) -> tuple[tuple[Gpu, ...], str | None]:
        again = self._devices is not None
        self.close()
        errors = self._open_devices()
        gpus, more = self._read_devices()
        errors += more
        self._incomplete = bool(errors)
        self._problem = None if gpus else _sentence(errors)
        if not gpus:
            self.close()
        if again or errors or not gpus:
            self._next_attempt = self._clock() + RETRY_SECONDS
        return gpus, self._problem

    def _open_devices(self) -> list[pynvml.NVMLError]:
        """Connect to the driver and to each of its GPUs; the errors of those that do not answer."""
        errors: list[pynvml.NVMLError] = []
        try:
            _nvml.nvmlInit()
            self._devices = []
            for index in range(_nvml.nvmlDeviceGetCount()):
                try:
                    self._devices.append(_open_device(index))
                except pynvml.NVMLError as error:
                    errors.append(error)
        except pynvml.NVMLError as error:
            errors.append(error)
        return errors

    def _read_devices(self) -> tuple[tuple[Gpu, ...], list[pynvml.NVMLError]]:
        gpus: list[Gpu] = []
        errors: list[pynvml.NVMLError] = []
        for device in self._devices or ():
            try:
                gpus.append(_read_device(device))
            except pynvml.NVMLError as error:
                errors.append(error)
        return tuple(gpus), errors


def _open_device(index: int) -> _Device:
    """What does not change about one GPU.

    Raises:
        NVMLError: It does not answer.
    """
    handle = _nvml.nvmlDeviceGetHandleByIndex(index)
    name = _nvml.nvmlDeviceGetName(handle)
    uuid = _figure(lambda: _nvml.nvmlDeviceGetUUID(handle))
    pci = _figure(lambda: _nvml.nvmlDeviceGetPciInfo(handle).busId)
    return _Device(index, handle, name, uuid or "", None if pci is None else pci_place(pci))


def pci_place(text: str) -> str:
    """A place on the PCI bus as Linux writes it: "0000:01:00.0" for NVML's "00000000:01:00.0"."""
    domain, _, rest = text.lower().partition(":")
    return f"{domain[-4:]:0>4}:{rest}"


def _read_device(device: _Device) -> Gpu:
    """One GPU now.

    Raises:
        NVMLError: It is gone, or the driver is.
    """
    handle = device.handle
    # Version 2 leaves out of `used` what the driver keeps for itself, as nvidia-smi does; drivers before 510 have
    # version 1 only.
    memory = _figure(
        lambda: _nvml.nvmlDeviceGetMemoryInfo(handle, version=pynvml.nvmlMemory_v2),
        lambda: _nvml.nvmlDeviceGetMemoryInfo(handle),
    )
    utilization = _figure(lambda: _nvml.nvmlDeviceGetUtilizationRates(handle).gpu)
    # The second form will be gone with CUDA 14, the first is not there yet in older drivers.
    temperature = _figure(
        lambda: _nvml.nvmlDeviceGetTemperatureV(handle, pynvml.NVML_TEMPERATURE_GPU),
        lambda: _nvml.nvmlDeviceGetTemperature(handle, pynvml.NVML_TEMPERATURE_GPU),
    )
    milliwatts = _figure(lambda: _nvml.nvmlDeviceGetPowerUsage(handle))
    processes = _processes(device)
    return Gpu(
        index=device.index,
        name=device.name,
        source="nvml",
        total=None if memory is None else memory.total,
        used=None if memory is None else memory.used,
        free=None if memory is None else memory.free,
        utilization=utilization,
        temperature=temperature,
        power=None if milliwatts is None else milliwatts / 1000,
        processes=processes,
        id=device.uuid,
        pci=device.pci,
        process_source=None if processes is None else "nvml",
    )


def _processes(device: _Device) -> tuple[GpuProcess, ...] | None:
    """Who holds memory on the GPU, the greatest first; None if the driver tells of neither kind of process.

    A process that computes and draws is in both lists with the same figure. On Windows the driver names the
    processes and leaves the figure to the system (WDDM).
    """
    handle = device.handle
    lists = (
        _figure(
            lambda: _nvml.nvmlDeviceGetComputeRunningProcesses_v3(handle),
            lambda: _nvml.nvmlDeviceGetComputeRunningProcesses_v2(handle),
        ),
        _figure(
            lambda: _nvml.nvmlDeviceGetGraphicsRunningProcesses_v3(handle),
            lambda: _nvml.nvmlDeviceGetGraphicsRunningProcesses_v2(handle),
        ),
    )
    if lists == (None, None):
        return None
    used: dict[int, int | None] = {}
    for process in (entry for entries in lists for entry in entries or ()):
        figures = [figure for figure in (used.get(process.pid), process.usedGpuMemory) if figure is not None]
        used[process.pid] = max(figures, default=None)
    names = device.process_names.of(used)
    greatest_first = sorted(used, key=lambda pid: (-(used[pid] or 0), pid))
    return tuple(GpuProcess(pid=pid, name=names[pid], used=used[pid]) for pid in greatest_first)


def _figure(*calls: Callable[[], Any]) -> Any:
    """What the first of `calls` gives that the driver knows; None if it gives none.

    Raises:
        NVMLError: The GPU or the driver is gone.
    """
    for call in calls:
        try:
            return call()
        except AttributeError:
            continue  # this version of pynvml does not have it
        except pynvml.NVMLError as error:
            if _code(error) in _GONE:
                raise
            if _code(error) not in _NOT_GIVEN:
                return None
    return None


def _sentence(errors: list[pynvml.NVMLError]) -> str:
    """Why there are no figures, for a person."""
    if not errors:
        return "The NVIDIA driver finds no GPU."
    return _SENTENCES.get(_code(errors[-1])) or f"The NVIDIA driver says: {errors[-1]}."


def _code(error: Any) -> int:
    return int(error.value)

"""What a server really takes: its own log, the figures of the GPU's driver, its main memory.

Servers run at llama.cpp's usual verbosity, which tells the context and no buffers: one step more writes 40 lines a
request and a line for each prompt that it remembers, thousands in the end. Where the user wants that log the buffers
are read from it. Elsewhere their division is the predicted one, and what the driver says that the process holds beyond
it is the driver's own.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from model_switcher.domain.need import Amount, Need, Source
from model_switcher.domain.release import held_by
from model_switcher.domain.units import MIB

if TYPE_CHECKING:
    from model_switcher.domain.memory import Readings
    from model_switcher.engine.needs.breakdown import Loaded

# What a figure may still grow by and count as settled, and what it must grow by to be told again.
_SETTLED = 8 * MIB
_GROWN = 16 * MIB


@dataclass(frozen=True, slots=True)
class Figures:
    """What the system says that one process holds, in bytes; None where it does not say."""

    gpu: int | None
    ram: int | None


class Watched:
    """One server from the moment it was ready. Tells when what it holds has settled, and again when it has grown.

    A prompt cache makes main memory grow with use: there only the first settled figure counts.
    """

    def __init__(self, pid: int, ready: float) -> None:
        self._pid = pid
        self._ready = ready
        self._last: Figures | None = None
        self._told: Figures | None = None

    def look(self, readings: Readings) -> Figures | None:
        """The figures, if they are news."""
        if readings.time <= self._ready:
            return None
        now = Figures(held_by(readings, [self._pid]) or None, (readings.servers_rss or {}).get(self._pid))
        before, self._last = self._last, now
        if before is None or not _settled(before.gpu, now.gpu):
            return None
        if self._told is None:
            if not _settled(before.ram, now.ram):
                return None
        elif now.gpu is None or (self._told.gpu or 0) + _GROWN > now.gpu:
            return None
        self._told = Figures(now.gpu, now.ram if self._told is None else self._told.ram)
        return self._told


def measured(expected: Need | None, loaded: Loaded, figures: Figures) -> Need | None:
    """What a server takes; None where too little is known to say so.

    Args:
        expected: What it was to take, with the context that it has.
        loaded: What its log says.
        figures: What the system says.
    """
    account = loaded.account
    if account is not None:
        need = _need(account.device, account.host, loaded, expected)
        return _on_gpu(need, figures.gpu) if figures.gpu and account.device.total else need
    if expected is None:
        return None
    need = _need(expected.device, expected.host, loaded, expected)
    if need.device.total:
        return _on_gpu(need, figures.gpu) if figures.gpu else None
    return _in_ram(need, figures.ram) if figures.ram else None


def _need(device: Amount, host: Amount, loaded: Loaded, expected: Need | None) -> Need:
    layers = expected.n_gpu_layers if loaded.layers is None and expected else loaded.layers
    return Need(
        device=device,
        host=host,
        source=Source.MEASURED,
        ctx_size=expected.ctx_size if expected else loaded.ctx_size or 0,
        n_gpu_layers=(None if loaded.all_layers else layers) if device.total else 0,
        low=device.total,
        high=device.total,
    )


def _on_gpu(need: Need, used: int) -> Need | None:
    """With what the driver says: what is more than the buffers is its own, what is less was predicted too high."""
    if used >= need.device.total:
        return replace(need, driver=used - need.device.total)
    device = replace(need.device, compute=used - need.device.weights - need.device.cache)
    if device.compute < 0:
        return None  # that is not all of it
    return replace(need, device=device, low=used, high=used, driver=0)


def _in_ram(need: Need, resident: int) -> Need | None:
    """With what the system says: less than weights and cache means that not all of it has been touched yet."""
    rest = resident - need.host.weights - need.host.cache
    if rest < 0:
        return None
    return replace(need, host=replace(need.host, compute=rest))


def _settled(before: int | None, now: int | None) -> bool:
    if before is None or now is None:
        return before is now
    return abs(now - before) <= _SETTLED

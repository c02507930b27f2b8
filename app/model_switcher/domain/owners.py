"""Who holds the memory: our servers, other programs, the desktop and the driver; the rest is free. Sizes are bytes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from model_switcher.domain.memory import Gpu, GpuProcess, Readings

RAM = "ram"
# The programs that draw the desktop, by the names that the systems give their processes, in lower case.
_DESKTOP = frozenset(
    """
    xorg x xwayland gnome-shell mutter mutter-x11-frames gsd-xsettings kwin_wayland kwin_x11 plasmashell ksmserver
    xdg-desktop-portal-gnome xdg-desktop-portal-kde sddm-greeter gdm-x-session xfwm4 xfdesktop cinnamon muffin
    marco mate-panel budgie-wm lxqt-panel openbox picom sway hyprland weston wayfire labwc cosmic-comp cosmic-panel
    dwm.exe explorer.exe csrss.exe winlogon.exe logonui.exe lockapp.exe sihost.exe system shellexperiencehost.exe
    startmenuexperiencehost.exe searchhost.exe searchapp.exe textinputhost.exe applicationframehost.exe
    systemsettings.exe widgets.exe shellhost.exe ctfmon.exe
    windowserver dock finder
    """.split()  # noqa: SIM905 - so many names read better so
)


class OwnerKind(StrEnum):
    """Whose memory it is; stable, part of the public interface."""

    SERVER = "server"
    PROGRAM = "program"
    DESKTOP = "desktop and driver"
    ELSE = "everything else"
    FREE = "free"


@dataclass(frozen=True, slots=True, kw_only=True)
class Owner:
    """One share of a memory.

    Attributes:
        kind: Whose it is.
        used: Bytes.
        name: Of the program, or the id of the server's model; empty for what has no name.
        pids: Its processes; empty where none is known.
    """

    kind: OwnerKind
    used: int
    name: str = ""
    pids: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """One memory by owner; the shares add up to `total`.

    Attributes:
        device: The GPU's key, or "ram".
        name: Of the GPU; empty for main memory.
        total: Bytes.
        source: Where the figures come from.
        owners: Our servers, other programs with the biggest first, the desktop and driver, free.
    """

    device: str
    name: str
    total: int
    source: str
    owners: tuple[Owner, ...]

    def used_by(self, kind: OwnerKind) -> int:
        """Bytes of all owners of that kind."""
        return sum(owner.used for owner in self.owners if owner.kind is kind)


def split(readings: Readings, servers: Mapping[int, str]) -> tuple[Split, ...]:
    """Every memory whose figures are known, by owner: the GPUs in their order, then main memory.

    Args:
        readings: Of one moment.
        servers: The model of each of our servers, by pid; what they started counts as theirs.
    """
    ours = ServersOf(servers, readings.kin)
    splits = [found for gpu in readings.gpus if (found := _split_gpu(gpu, ours)) is not None]
    if readings.ram is not None:
        ram = readings.ram
        rss = readings.servers_rss or {}
        held = {pid: rss[pid] for pid in servers if pid in rss}
        shares = [
            Owner(kind=OwnerKind.SERVER, used=used, name=servers[pid], pids=(pid,))
            for pid, used in held.items()
        ]
        # Mapped model files count as held by the server and as available at once.
        taken = _cut(shares, ram.used)
        rest = Owner(kind=OwnerKind.ELSE, used=ram.used - sum(owner.used for owner in taken))
        free = Owner(kind=OwnerKind.FREE, used=ram.available)
        owners = (*taken, rest, free)
        splits.append(Split(device=RAM, name="", total=ram.total, source=ram.source, owners=owners))
    return tuple(splits)


@dataclass(frozen=True, slots=True)
class ServersOf:
    """Tells which of our servers a process belongs to."""

    models: Mapping[int, str]
    kin: Mapping[int, int]

    def server(self, pid: int) -> int | None:
        """The pid of the server that `pid` is, or was started by; None if it is no process of ours."""
        server = self.kin.get(pid, pid)
        return server if server in self.models else None


def is_desktop(name: str | None) -> bool:
    """Whether a process of that name draws the desktop."""
    return name is not None and name.lower() in _DESKTOP


def _split_gpu(gpu: Gpu, ours: ServersOf) -> Split | None:
    if gpu.total is None or (gpu.free is None and gpu.used is None):
        return None
    free = gpu.free if gpu.free is not None else gpu.total - (gpu.used or 0)
    free = min(max(free, 0), gpu.total)
    taken = gpu.total - free
    processes = gpu.processes or ()
    owners = _cut([*_servers(processes, ours), *_programs(processes, ours)], taken)
    rest = taken - sum(owner.used for owner in owners)
    # What the driver tells of nobody may be a program's as well as the desktop's.
    silent = gpu.processes is None or any(
        process.used is None and not is_desktop(process.name) for process in processes
    )
    pids = tuple(process.pid for process in processes if is_desktop(process.name))
    kind = OwnerKind.ELSE if silent else OwnerKind.DESKTOP
    owners += (Owner(kind=kind, used=rest, pids=pids), Owner(kind=OwnerKind.FREE, used=free))
    return Split(device=gpu.key, name=gpu.name, total=gpu.total, source=gpu.source, owners=owners)


def _servers(processes: Iterable[GpuProcess], ours: ServersOf) -> list[Owner]:
    held: dict[int, int] = {}
    pids: dict[int, list[int]] = {}
    for process in processes:
        server = ours.server(process.pid)
        if server is not None and process.used is not None:
            held[server] = held.get(server, 0) + process.used
            pids.setdefault(server, []).append(process.pid)
    return [
        Owner(kind=OwnerKind.SERVER, used=held[server], name=ours.models[server], pids=tuple(pids[server]))
        for server in ours.models
        if server in held
    ]


def _programs(processes: Iterable[GpuProcess], ours: ServersOf) -> list[Owner]:
    """Processes of one name are one program; the biggest first."""
    held: dict[str, int] = {}
    pids: dict[str, list[int]] = {}
    for process in processes:
        if process.used is None or is_desktop(process.name) or ours.server(process.pid) is not None:
            continue
        name = process.name or f"process {process.pid}"
        held[name] = held.get(name, 0) + process.used
        pids.setdefault(name, []).append(process.pid)
    return [
        Owner(kind=OwnerKind.PROGRAM, used=held[name], name=name, pids=tuple(pids[name]))
        for name in sorted(held, key=lambda name: (-held[name], name))
    ]


def _cut(owners: Iterable[Owner], taken: int) -> tuple[Owner, ...]:
    """The shares, cut where they are more than what is taken: memory that two processes share counts for both."""
    kept: list[Owner] = []
    for owner in owners:
        used = min(owner.used, taken)
        taken -= used
        kept.append(Owner(kind=owner.kind, used=used, name=owner.name, pids=owner.pids))
    return tuple(kept)

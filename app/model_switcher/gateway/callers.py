"""Who is at the other end of a connection: whether it belongs to a process on this machine, or to one it started."""

from __future__ import annotations

import asyncio
import ipaddress
import time
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple
from weakref import WeakKeyDictionary

import psutil

from model_switcher.engine.background import in_background
from model_switcher.processes import family

if TYPE_CHECKING:
    from collections.abc import Iterable


class Ends(NamedTuple):
    """A TCP connection as its other end sees it: its own address there, and ours."""

    local: tuple[str, int]
    remote: tuple[str, int]


@dataclass(frozen=True, slots=True)
class Look:
    """What a process and its descendants were connected to.

    Attributes:
        since: The monotonic clock before it was looked at: connections made earlier are among `open`.
        open: Their connections.
        whole: Whether the system told all of it.
    """

    since: float
    open: frozenset[Ends]
    whole: bool


class Callers:
    """Tells which of some processes a request comes from. Asked once for each connection and process."""

    def __init__(self) -> None:
        self._known: WeakKeyDictionary[asyncio.BaseTransport, dict[int, bool | None]] = WeakKeyDictionary()
        self._looks: dict[int, Look] = {}
        self._looking = asyncio.Lock()

    async def is_from(self, transport: asyncio.BaseTransport, pid: int) -> bool | None:
        """Whether the connection belongs to that process or to one that it started; None if that cannot be known."""
        known = self._known.setdefault(transport, {})
        if pid not in known:
            asked = time.monotonic()
            ends = ends_of(transport)
            known[pid] = await self._look_for(ends, pid, asked) if ends is not None else None
        return known[pid]

    async def sender(self, transport: asyncio.BaseTransport, pids: Iterable[int]) -> int | None:
        """The first of those processes that the connection belongs to."""
        for pid in pids:
            if await self.is_from(transport, pid):
                return pid
        return None

    async def _look_for(self, ends: Ends, pid: int, asked: float) -> bool | None:
        """One looks at a time; what it sees serves all who asked before it began."""
        async with self._looking:
            look = self._looks.get(pid)
            if look is None or look.since < asked:
                look = await in_background(look_at, pid)
                self._looks = {pid: look}
        return True if ends in look.open else False if look.whole else None


def ends_of(transport: asyncio.BaseTransport) -> Ends | None:
    """The connection behind a transport, from its other end; None for one that is no TCP connection."""
    theirs, ours = transport.get_extra_info("peername"), transport.get_extra_info("sockname")
    if not isinstance(theirs, tuple) or not isinstance(ours, tuple):
        return None
    return Ends((_plain(theirs[0]), theirs[1]), (_plain(ours[0]), ours[1]))


def look_at(pid: int) -> Look:
    """Every TCP connection of a process and of those that it started. Takes milliseconds: for a worker thread."""
    since = time.monotonic()
    found: set[Ends] = set()
    whole = True
    for process in family(pid):
        try:
            for connection in process.net_connections(kind="tcp"):
                if connection.raddr:
                    local, remote = connection.laddr, connection.raddr
                    found.add(Ends((_plain(local.ip), local.port), (_plain(remote.ip), remote.port)))
        except psutil.NoSuchProcess:
            continue
        except (psutil.Error, OSError):
            whole = False
    return Look(since, frozenset(found), whole)


@lru_cache(maxsize=256)
def _plain(address: str) -> str:
    """One spelling of an address: IPv4 may be written as IPv6, and IPv6 with a zone."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    mapped = found.ipv4_mapped if isinstance(found, ipaddress.IPv6Address) else None
    return str(mapped or found)

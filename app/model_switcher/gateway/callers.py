"""Who is at the other end of a connection: whether it belongs to a process on this machine, or to one it started."""

from __future__ import annotations

import asyncio
import ipaddress
import os
import socket
import struct
import sys
import time
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from weakref import WeakKeyDictionary

import psutil

from model_switcher.engine.background import in_background
from model_switcher.processes import family

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable


class Ends(NamedTuple):
    """A TCP connection as its other end sees it: its own address there, and ours."""

    local: tuple[str, int]
    remote: tuple[str, int]


@dataclass(frozen=True, slots=True)
class Look:
    """What a process and its descendants were connected to.

    Attributes:
        since: The monotonic clock before it was looked at: connections made earlier are among `held`.
        held: Their connections, by what `key_of` calls them.
        whole: Whether the system told all of it.
    """

    since: float
    held: frozenset[Hashable]
    whole: bool


class Callers:
    """Tells which of some processes a request comes from. Asked once for each connection and process."""

    def __init__(self) -> None:
        self._known: WeakKeyDictionary[asyncio.BaseTransport, dict[int, bool | None]] = WeakKeyDictionary()
        self._look: tuple[int, Look] | None = None
        self._looking = asyncio.Lock()

    async def is_from(self, transport: asyncio.BaseTransport, pid: int) -> bool | None:
        """Whether the connection belongs to that process or to one that it started; None if that cannot be known."""
        known = self._known.setdefault(transport, {})
        if pid not in known:
            asked = time.monotonic()
            ends = ends_of(transport)
            key = await in_background(key_of, ends) if ends is not None else None
            known[pid] = await self._holds(pid, key, asked) if key is not None else None
        return known[pid]

    async def sender(self, transport: asyncio.BaseTransport, pids: Iterable[int]) -> int | None:
        """The first of those processes that the connection belongs to."""
        for pid in pids:
            if await self.is_from(transport, pid):
                return pid
        return None

    async def _holds(self, pid: int, key: Hashable, asked: float) -> bool | None:
        """One looks at a time; what it sees serves all who asked before it began."""
        async with self._looking:
            if self._look is None or self._look[0] != pid or self._look[1].since < asked:
                self._look = pid, await in_background(look_at, pid)
            look = self._look[1]
        return True if key in look.held else False if look.whole else None


def ends_of(transport: asyncio.BaseTransport) -> Ends | None:
    """The connection behind a transport, from its other end; None for one that is no TCP connection."""
    theirs, ours = transport.get_extra_info("peername"), transport.get_extra_info("sockname")
    if not isinstance(theirs, tuple) or not isinstance(ours, tuple):
        return None
    return Ends((_plain(theirs[0]), theirs[1]), (_plain(ours[0]), ours[1]))


def look_at(pid: int) -> Look:
    """Every TCP connection of a process and of those that it started. Takes milliseconds: for a worker thread."""
    since = time.monotonic()
    held: set[Hashable] = set()
    whole = True
    for process in family(pid):
        try:
            held |= _held_by(process)
        except (psutil.NoSuchProcess, FileNotFoundError, ProcessLookupError):
            continue
        except (psutil.Error, OSError):
            whole = False
    return Look(since, frozenset(held), whole)


if sys.platform == "linux":
    # psutil would read the table of all connections once for each process, some 30 µs a connection.

    def key_of(ends: Ends) -> Hashable | None:
        """What a process that holds the connection has open: its socket; None if there is no such connection here."""
        for table, encode in (("tcp", _in_ipv4), ("tcp6", _in_ipv6)):
            local, remote = encode(ends.local), encode(ends.remote)
            if local is None or remote is None:
                continue
            lines = Path("/proc/net", table).read_bytes()
            _, found, rest = lines.partition(b": %b %b " % (local, remote))
            if found:
                return b"socket:[%b]" % rest.split(maxsplit=7)[6]
        return None

    def _held_by(process: psutil.Process) -> set[Hashable]:
        folder = b"/proc/%d/fd" % process.pid
        found: set[Hashable] = set()
        for name in os.listdir(folder):  # noqa: PTH208 - a path object for each would take longer than the look
            try:
                found.add(os.readlink(folder + b"/" + name))  # noqa: PTH115 - the same
            except FileNotFoundError:
                continue  # closed meanwhile
        return found

    def _in_ipv4(end: tuple[str, int]) -> bytes | None:
        return None if ":" in end[0] else _encoded(socket.inet_pton(socket.AF_INET, end[0]), end[1])

    def _in_ipv6(end: tuple[str, int]) -> bytes:
        address = end[0] if ":" in end[0] else f"::ffff:{end[0]}"
        return _encoded(socket.inet_pton(socket.AF_INET6, address), end[1])

    def _encoded(address: bytes, port: int) -> bytes:
        """As proc_pid_net(5) writes it: each four bytes as a number of this machine, in hexadecimal."""
        words = struct.unpack(f"={len(address) // 4}I", address)
        return b"%b:%04X" % (b"".join(b"%08X" % word for word in words), port)

else:

    def key_of(ends: Ends) -> Hashable | None:
        """The connection itself: so the system tells what a process has open."""
        return ends

    def _held_by(process: psutil.Process) -> set[Hashable]:
        return {
            Ends((_plain(each.laddr.ip), each.laddr.port), (_plain(each.raddr.ip), each.raddr.port))
            for each in process.net_connections(kind="tcp")
            if each.raddr
        }


@lru_cache(maxsize=256)
def _plain(address: str) -> str:
    """One spelling of an address: IPv4 may be written as IPv6, and IPv6 with a zone."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    mapped = found.ipv4_mapped if isinstance(found, ipaddress.IPv6Address) else None
    return str(mapped or found)

"""The sockets of the stable address, and who holds it when it is not free."""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import sys
import time

import psutil

from model_switcher.domain.errors import AddressInUse, InstanceError, UsageError
from model_switcher.domain.foreign import Holder
from model_switcher.domain.remedies import Remedy, RemedyKind
from model_switcher.engine.foreign import look_at

IPV4, IPV6 = "127.0.0.1", "::1"
_LOOPBACK = frozenset({IPV4, IPV6, "localhost"})
_BACKLOG = 1024
_PORTS_TRIED = 100
_LAST_PORT = 65535
_IN_USE = {errno.EADDRINUSE} | ({errno.EACCES} if sys.platform == "win32" else set())
_NO_IPV6 = {errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT, errno.EPROTONOSUPPORT}


def bind_stable(host: str, port: int) -> list[socket.socket]:
    """Listening sockets for the stable address, IPv4 first; they do not block.

    "127.0.0.1", "::1" and "localhost" all mean both loopback addresses, as far as the computer has IPv6; "::" means
    every address of both kinds. With port 0 the system chooses one that is free on all of them.

    Raises:
        AddressInUse: Another program listens there; `details` has port, holder, free_port and actions.
        InstanceError: The port may not be used, or the address is not one of this computer's.
        UsageError: `host` names no computer.
    """
    addresses = _addresses(host)
    try:
        for _ in range(_PORTS_TRIED if port == 0 else 0):
            with contextlib.suppress(_Taken):
                return _bind_all(addresses, 0)
        return _bind_all(addresses, port)
    except _Taken:
        raise _address_in_use(addresses, port) from None
    except OSError as error:
        raise _unusable(host, port, error) from error


def holder(port: int) -> Holder:
    """The program that listens on TCP `port`; its fields are None where the system does not tell."""
    pid = next((pid for pid in _listeners(port) if pid is not None), None)
    return Holder() if pid is None else look_at(pid)


class _Taken(Exception):
    """Another program has the port on one of the addresses."""


def _addresses(host: str) -> list[tuple[socket.AddressFamily, str]]:
    if host.casefold() in _LOOPBACK:
        return [(socket.AF_INET, IPV4), (socket.AF_INET6, IPV6)]
    if host == "::":
        return [(socket.AF_INET, "0.0.0.0"), (socket.AF_INET6, "::")]  # noqa: S104 - asked for, and guarded by a key
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except OSError as error:
        raise UsageError(
            f"{host!r} is not an address of this computer", hint='Use "127.0.0.1" or an IP address.'
        ) from error
    addresses = {(family, str(address[0])) for family, _, _, _, address in found}
    return sorted(addresses, key=lambda entry: entry[0] != socket.AF_INET)


def _bind_all(addresses: list[tuple[socket.AddressFamily, str]], port: int) -> list[socket.socket]:
    bound: list[socket.socket] = []
    try:
        for family, address in addresses:
            try:
                bound.append(_listen(family, address, port))
            except OSError as error:
                if family != socket.AF_INET6 or error.errno not in _NO_IPV6 or not bound:
                    raise
            else:
                port = bound[0].getsockname()[1]
    except OSError as error:
        for taken in bound:
            taken.close()
        if error.errno in _IN_USE:
            raise _Taken from error
        raise
    return bound


def _listen(family: socket.AddressFamily, address: str, port: int) -> socket.socket:
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        if sys.platform == "win32":
            # SO_REUSEADDR there would let two programs have one port.
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
        else:
            # Connections of the last instance that are still in TIME_WAIT must not block this one.
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        listener.bind((address, port))
        if sys.platform != "win32" and port:
            _refuse_if_answered(family, address, port)
        # At once: on Linux two sockets with SO_REUSEADDR may be bound to one port as long as neither listens.
        listener.listen(_BACKLOG)
        listener.setblocking(False)
    except OSError:
        listener.close()
        raise
    return listener


def _refuse_if_answered(family: socket.AddressFamily, address: str, port: int) -> None:
    """BSD and macOS let 127.0.0.1 be bound, with SO_REUSEADDR, beside a program that listens on every address.

    Raises:
        OSError: EADDRINUSE: somebody answers at an address on which we do not listen yet.
    """
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.settimeout(1.0)
        if probe.connect_ex((address, port)) == 0:
            raise OSError(errno.EADDRINUSE, os.strerror(errno.EADDRINUSE))


def _address_in_use(addresses: list[tuple[socket.AddressFamily, str]], port: int) -> AddressInUse:
    found = holder(port)
    free = _free_port(addresses, port)
    who = found.program or "another program"
    facts = [f"process {found.pid}"] if found.pid is not None else []
    facts += [f"since {_moment(found.since)}"] if found.since is not None else []
    more = f" ({', '.join(facts)})" if facts else ""
    return AddressInUse(
        f"Port {port} is used by {who}{more}",
        hint=f"End that program, or take port {free}, which is free." if free else "End that program.",
        details={"port": port, "holder": found, "free_port": free, "actions": _actions(found, free)},
    )


def _actions(found: Holder, free: int | None) -> tuple[Remedy, ...]:
    """What can be done about a program that has our port."""
    actions = []
    if found.own and found.created is not None and found.pid != os.getpid():
        actions.append(Remedy(action=RemedyKind.STOP_PROGRAM, pid=found.pid, created=found.created))
    if free is not None:
        actions.append(Remedy(action=RemedyKind.USE_PORT, port=free))
    return (*actions, Remedy(action=RemedyKind.LEAVE))


def _moment(since: float) -> str:
    """A time of day; with the day, if that is not today."""
    then = time.localtime(since)
    today = then[:3] == time.localtime()[:3]
    return time.strftime("%H:%M" if today else "%Y-%m-%d %H:%M", then)


def _free_port(addresses: list[tuple[socket.AddressFamily, str]], port: int) -> int | None:
    for candidate in range(port + 1, min(port + _PORTS_TRIED, _LAST_PORT) + 1):
        try:
            sockets = _bind_all(addresses, candidate)
        except (_Taken, OSError):
            continue
        for bound in sockets:
            bound.close()
        return candidate
    return None


def _unusable(host: str, port: int, error: OSError) -> InstanceError:
    if error.errno in (errno.EACCES, errno.EPERM):
        return InstanceError(
            f"Port {port} needs an administrator's rights", hint="Take a port from 1024 up, such as 8080."
        )
    if error.errno == errno.EADDRNOTAVAIL:
        return InstanceError(
            f"{host} is not an address of this computer",
            hint='Use "127.0.0.1" or an address of this computer.',
        )
    return InstanceError(f"{host}, port {port} cannot be listened on: {error.strerror or error}")


def _listeners(port: int) -> list[int | None]:
    try:
        return [
            connection.pid
            for connection in psutil.net_connections(kind="tcp")
            if connection.status == psutil.CONN_LISTEN and connection.laddr and connection.laddr.port == port
        ]
    except psutil.Error:
        return _own_listeners(port)


def _own_listeners(port: int) -> list[int | None]:
    """Where the whole table is for administrators only (macOS), the user's own processes one by one."""
    found: list[int | None] = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            for connection in process.net_connections(kind="tcp"):
                if connection.status == psutil.CONN_LISTEN and connection.laddr.port == port:
                    found.append(process.pid)  # noqa: PERF401 - each process may refuse
    return found

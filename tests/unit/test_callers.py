"""Finding the process at the other end of a connection, by real sockets."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from contextlib import ExitStack

import psutil
import pytest

from model_switcher.gateway.callers import Ends, ends_of, key_of, look_at

# Connects to the address that it is given, and tells from which port.
CONNECT = """
import socket, sys
connection = socket.create_connection((sys.argv[1], int(sys.argv[2])))
print(connection.getsockname()[1], flush=True)
sys.stdin.read()
"""


def listening(stack: ExitStack, family: socket.AddressFamily, host: str) -> int:
    listener = stack.enter_context(socket.socket(family))
    listener.bind((host, 0))
    listener.listen()
    return int(listener.getsockname()[1])


@pytest.mark.parametrize(
    ("family", "host", "connects"),
    [
        (socket.AF_INET, "127.0.0.1", "127.0.0.1"),
        (socket.AF_INET6, "::1", "::1"),
        (socket.AF_INET, "127.0.0.1", "::ffff:127.0.0.1"),
    ],
    ids=["IPv4", "IPv6", "IPv4 from a socket of IPv6"],
)
def test_a_connection_is_held_by_its_process_and_those_that_started_it(
    family: socket.AddressFamily, host: str, connects: str
) -> None:
    with ExitStack() as stack:
        port = listening(stack, family, host)
        processes = []
        for _ in range(2):
            process = stack.enter_context(
                subprocess.Popen(
                    [sys.executable, "-c", CONNECT, connects, str(port)],
                    stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                )
            )  # fmt: skip
            assert process.stdout is not None
            processes.append((process.pid, int(process.stdout.readline())))
            stack.callback(process.communicate)
        for pid, its_port in processes:
            key = key_of(Ends((host, its_port), (host, port)))
            assert key is not None
            assert [one for one, _ in processes if key in look_at(one).held] == [pid]
            assert key in look_at(os.getpid()).held


def test_what_is_no_connection_here_has_no_key_that_anybody_holds() -> None:
    key = key_of(Ends(("127.0.0.1", 1), ("127.0.0.1", 2)))
    assert key is None or key not in look_at(os.getpid()).held


def test_a_process_that_is_gone_holds_nothing() -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()
    look = look_at(process.pid)
    assert (look.held, look.whole) == (frozenset(), True)


def test_what_the_system_does_not_tell_is_not_known(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(process: psutil.Process) -> set[object]:
        raise psutil.AccessDenied(process.pid)

    monkeypatch.setattr("model_switcher.gateway.callers._held_by", refuse)
    assert look_at(os.getpid()).whole is False


class Transport:
    """A transport with those ends."""

    def __init__(self, theirs: object, ours: object) -> None:
        self._ends = {"peername": theirs, "sockname": ours}

    def get_extra_info(self, name: str) -> object:
        return self._ends[name]


@pytest.mark.parametrize(
    ("theirs", "ours", "ends"),
    [
        (("127.0.0.1", 5), ("127.0.0.1", 6), Ends(("127.0.0.1", 5), ("127.0.0.1", 6))),
        (("::ffff:127.0.0.1", 5, 0, 0), ("::1", 6, 0, 0), Ends(("127.0.0.1", 5), ("::1", 6))),
        (("fe80::1%eth0", 5, 0, 2), ("::1", 6, 0, 0), Ends(("fe80::1", 5), ("::1", 6))),
        ("", "/run/socket", None),
        (None, ("127.0.0.1", 6), None),
    ],
)
def test_addresses_have_one_spelling(theirs: object, ours: object, ends: Ends | None) -> None:
    assert ends_of(Transport(theirs, ours)) == ends  # type: ignore[arg-type]

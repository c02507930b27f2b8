"""The sockets of the stable address."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import psutil
import pytest

from model_switcher.domain.errors import AddressInUse, InstanceError, UsageError
from model_switcher.domain.foreign import Holder
from model_switcher.domain.remedies import Remedy, RemedyKind
from model_switcher.domain.wire import encode, error_body, error_from
from model_switcher.engine.ports import bind_stable, holder
from model_switcher.processes import process_created

if TYPE_CHECKING:
    from collections.abc import Iterator

_OTHER = """
import socket, sys
family = socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET
listener = socket.socket(family)
listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
listener.bind((sys.argv[1], 0))
listener.listen()
print(listener.getsockname()[1], flush=True)
sys.stdin.read()
"""


@contextmanager
def another_program(address: str) -> Iterator[tuple[int, int]]:
    """Another process that listens on `address`: its pid and its port."""
    with subprocess.Popen(
        [sys.executable, "-c", _OTHER, address], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        try:
            yield process.pid, int(process.stdout.readline())
        finally:
            process.kill()


@contextmanager
def bound(host: str, port: int) -> Iterator[list[socket.socket]]:
    sockets = bind_stable(host, port)
    try:
        yield sockets
    finally:
        for one in sockets:
            one.close()


def names(sockets: list[socket.socket]) -> list[str]:
    return [one.getsockname()[0] for one in sockets]


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "LocalHost", "::1"])
def test_loopback_means_both_addresses_on_one_port(host: str) -> None:
    with bound(host, 0) as sockets:
        assert names(sockets) == ["127.0.0.1", "::1"]
        ports = {one.getsockname()[1] for one in sockets}
        assert len(ports) == 1
        for address in names(sockets):
            socket.create_connection((address, *ports), timeout=5).close()


def test_an_address_that_is_not_one_of_the_usual_loopbacks_is_taken_as_it_is() -> None:
    with bound("127.0.0.2", 0) as sockets:
        assert names(sockets) == ["127.0.0.2"]
    with bound("::", 0) as sockets:
        assert names(sockets) == ["0.0.0.0", "::"]


@pytest.mark.parametrize("address", ["127.0.0.1", "::1", "0.0.0.0", "::"])
def test_a_port_that_another_program_has_is_refused_with_its_name_and_a_free_one(address: str) -> None:
    with another_program(address) as (pid, port):
        with pytest.raises(AddressInUse) as caught:
            bind_stable("127.0.0.1", port)
        error = caught.value
        program = psutil.Process(pid).name()
        since = time.strftime("%H:%M", time.localtime(psutil.Process(pid).create_time()))
        assert error.message == f"Port {port} is used by {program} (process {pid}, since {since})"
        free, found = error.details["free_port"], error.details["holder"]
        assert set(error.details) == {"port", "holder", "free_port", "actions"}
        assert (error.details["port"], found.program, found.pid, found.own) == (port, program, pid, True)
        assert error.details["actions"] == (
            Remedy(action=RemedyKind.STOP_PROGRAM, pid=pid, created=process_created(pid)),
            Remedy(action=RemedyKind.USE_PORT, port=free),
            Remedy(action=RemedyKind.LEAVE),
        )
        assert f"port {free}" in error.hint
        with bound("127.0.0.1", free) as sockets:
            assert len(sockets) == 2


def test_a_client_hears_who_has_the_port_and_what_can_be_done() -> None:
    with another_program("127.0.0.1") as (pid, port):
        with pytest.raises(AddressInUse) as caught:
            bind_stable("127.0.0.1", port)
        heard = error_from(encode(error_body(caught.value)))
    assert isinstance(heard, AddressInUse)
    assert heard.details["holder"]["pid"] == pid
    assert [action["action"] for action in heard.details["actions"]] == ["stop-program", "use-port", "leave"]


def test_our_own_sockets_are_refused_a_second_time() -> None:
    with bound("127.0.0.1", 0) as sockets:
        port = sockets[0].getsockname()[1]
        with pytest.raises(AddressInUse) as caught:
            bind_stable("localhost", port)
        assert caught.value.details["holder"].pid == os.getpid()
        assert RemedyKind.STOP_PROGRAM not in [action.action for action in caught.value.details["actions"]]


def test_nothing_stays_bound_after_a_refusal() -> None:
    with another_program("::1") as (_, port):
        with pytest.raises(AddressInUse):
            bind_stable("127.0.0.1", port)
        with socket.socket() as free:
            # What others' connections left in TIME_WAIT is no listener.
            free.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            free.bind(("127.0.0.1", port))


def test_a_connection_in_time_wait_does_not_block_the_next_instance() -> None:
    with bound("127.0.0.1", 0) as sockets:
        port = sockets[0].getsockname()[1]
        sockets[0].setblocking(True)
        with socket.create_connection(("127.0.0.1", port)) as client:
            served, _ = sockets[0].accept()
            served.close()
            assert client.recv(1) == b""
    with bound("127.0.0.1", port) as sockets:
        assert len(sockets) == 2


def test_a_free_port_has_no_holder() -> None:
    with bound("127.0.0.1", 0) as sockets:
        port = sockets[0].getsockname()[1]
        assert holder(port).pid == os.getpid()
    assert holder(port) == Holder()


def test_a_host_that_is_none_is_a_usage_error() -> None:
    with pytest.raises(UsageError, match="is not an address of this computer"):
        bind_stable("no such host", 8080)


def test_an_address_of_another_computer_is_said_to_be_that() -> None:
    with pytest.raises(InstanceError, match="is not an address of this computer"):
        bind_stable("192.0.2.1", 0)

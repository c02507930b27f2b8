"""Runs llama.cpp's HTTP server inside this process, and behaves as llama-server does to the process that started it."""

from __future__ import annotations

import os
import signal
import sys
import threading
from typing import TYPE_CHECKING, Any, BinaryIO, NoReturn

from model_switcher.engine.embedded.command_line import CommandLineError, help_text, read
from model_switcher.engine.embedded.option import native
from model_switcher.engine.embedded.options import use_server_defaults
from model_switcher.engine.embedded.parent import die_with_parent

if TYPE_CHECKING:
    from collections.abc import Sequence

    from model_switcher.engine.embedded.command_line import Given

USAGE = 2
FAILED = 1
EXIT_COMMAND = b"cmd_router_to_child:exit"  # llama.cpp, tools/server/server-models.cpp
_MIB = 1024**2

_running: list[Any] = []  # a native server stops when Python forgets it


def run(arguments: Sequence[str]) -> int:
    """Do what a command line of llama-server's options asks; it returns only where no server was started.

    Returns:
        The exit status: 0 done, 1 the server could not start, 2 the command line is wrong.
    """
    if {"-h", "--help", "--usage"} & set(arguments):
        sys.stdout.write(help_text())
        return 0
    if "--version" in arguments:
        sys.stderr.write(f"version: {version()}\n")
        return 0
    if "--list-devices" in arguments:
        sys.stdout.write("\n".join(("Available devices:", *(devices() or ["  (none)"]))) + "\n")
        return 0
    try:
        given = read(arguments)
    except CommandLineError as error:
        sys.stderr.write(f"error: {error}\n")
        return USAGE
    if not given.has("--model"):
        sys.stderr.write("error: expected the argument --model: this engine serves one model\n")
        return USAGE
    die_with_parent()
    return serve(given)


def version() -> str:
    """The embedded engine's version, for people."""
    return f"xllamacpp {native().__version__}"


def devices() -> list[str]:
    """A line for each device besides the processor, as llama-server writes it."""
    processors = {"GGML_BACKEND_DEVICE_TYPE_CPU", "GGML_BACKEND_DEVICE_TYPE_ACCEL"}
    return [
        f"  {device['name']}: {device['description']} "
        f"({device['memory_total'] // _MIB} MiB, {device['memory_free'] // _MIB} MiB free)"
        for device in native().get_device_info()
        if device["type"].name not in processors
    ]


def serve(given: Given) -> int:
    """Serve until told to end: by the exit command or the end of standard input, or by a signal.

    No handler for SIGTERM: one written in Python would wait for the load, which holds the interpreter.

    Returns:
        1 if the server could not start; a server that did start ends with the process.
    """
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    commands = _take_over_stdin() if os.environ.get("LLAMA_SERVER_ROUTER_PORT") else None
    try:
        _start(given)
    except (RuntimeError, ValueError, KeyError, OverflowError, AssertionError) as error:
        # The native part logs the cause from a thread of its own: an ordinary exit waits for that to be written.
        sys.stderr.write(f"error: {error}\n")
        return FAILED
    if commands is None:
        threading.Event().wait()
    else:
        for line in commands:
            if line.strip() == EXIT_COMMAND:
                _leave(0)
    return _leave(FAILED)


def _start(given: Given) -> None:
    params = native().CommonParams()
    use_server_defaults(params)
    key = os.environ.get("LLAMA_API_KEY")
    if key:
        params.api_keys = [key]
    given.apply(params)
    _running.append(native().Server(params))


def _take_over_stdin() -> BinaryIO:
    """Standard input for us, and in its place a pipe that says nothing for the native library.

    The library reads standard input too, and on the exit command stops its server without ending the process.
    """
    commands = os.fdopen(os.dup(0), "rb", buffering=0)
    silence, _ = os.pipe()
    os.dup2(silence, 0)
    os.close(silence)
    return commands


def _leave(status: int) -> NoReturn:
    """End without unwinding: native threads may still run."""
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    os._exit(status)

"""The command `model-switcher`: arguments in, exit status out."""

from __future__ import annotations

import argparse
import asyncio
import logging
import sys
from typing import TYPE_CHECKING

from model_switcher import __version__
from model_switcher.cli.terminal import prepare_output
from model_switcher.domain.errors import SwitcherError

if TYPE_CHECKING:
    from collections.abc import Sequence

EMBEDDED_ENGINE = "--embedded-engine"
READ_HEADERS = "--read-headers"
LAST_PORT = 65535


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit status (see `model-switcher --help`)."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    if words[:1] == [EMBEDDED_ENGINE]:
        # A frozen program has no `python -m`: it starts its embedded engine as itself.
        from model_switcher.engine.embedded.host import run as engine  # noqa: PLC0415 - no engine elsewhere

        return engine(words[1:])
    if words[:1] == [READ_HEADERS]:
        from model_switcher.engine.header_process.serve import run as read_headers  # noqa: PLC0415 - as above

        return read_headers()
    prepare_output()
    options = parser().parse_args(words)
    logging.basicConfig(level=logging.DEBUG if options.verbose else logging.WARNING, format="%(message)s")
    try:
        return run(options)
    except SwitcherError as error:
        from model_switcher.cli.render import render_error  # noqa: PLC0415 - only when there is one

        render_error(error, as_json=getattr(options, "json", False))
        return error.exit_status
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # Whoever read our output has gone, as `head` does.
        sys.stderr.close()
        return 0


def tray() -> int:
    """Entry point without a console: the tray."""
    return main(sys.argv[1:] or ["tray"])


def run(options: argparse.Namespace) -> int:
    """Carry out what the arguments say."""
    from model_switcher.cli import service  # noqa: PLC0415 - `--help` and `--version` do without

    match options.verb:
        case None | "tray":
            return service.tray(options)
        case "serve":
            return service.serve(options)
        case "completions":
            from model_switcher.cli.completions import script  # noqa: PLC0415 - nothing else needs it

            print(script(options.shell, parser()), end="")
            return 0
        case "demo":
            return service.demo(options)
        case "selftest" if options.packaged:
            from model_switcher.cli.selftest import packaged  # noqa: PLC0415 - a loop of its own, as these have

            return packaged(options)
        case verb:
            from model_switcher.cli.verbs import VERBS  # noqa: PLC0415 - the tray's icon comes sooner without

            return asyncio.run(VERBS[verb](options))


def parser() -> argparse.ArgumentParser:
    """All arguments, as `--help` shows them."""
    top = argparse.ArgumentParser(
        prog="model-switcher",
        description="Switches the model behind one llama.cpp address. Without a verb: the tray.",
        epilog="Exit status: 0 done, 1 unexpected, 2 usage, 3 no instance, 4 no such model, 5 switch failed and "
        "another model is serving, 6 switch failed and nothing is serving, 7 settings unreadable.",
    )
    top.add_argument("--config", metavar="FILE", help="settings file; each has an instance of its own")
    top.add_argument("--verbose", action="store_true", help="say more about what happens")
    top.add_argument("--version", action="version", version=f"model-switcher {__version__}")
    verbs = top.add_subparsers(dest="verb", metavar="VERB")

    tray = verbs.add_parser("tray", help="the tray (as without a verb)")
    tray.add_argument("--quiet", action="store_true", help="open no window by itself, as at login")
    serve = verbs.add_parser("serve", help="the same without a desktop")
    serve.add_argument("--host", help="address to listen on, instead of the settings'")
    serve.add_argument("--port", type=port, help="port to listen on, instead of the settings'")
    serve.add_argument("--linger", type=float, metavar="SECONDS", help="end after so long without use")
    demo = verbs.add_parser("demo", help="a throwaway instance with two tiny models: see it work in seconds")
    demo.add_argument("--tray", action="store_true", help="with the tray instead of a tour in the terminal")
    demo.add_argument("--exit", action="store_true", help="end after the tour")

    listing = _with_json(
        verbs.add_parser("list", help="every model, and the files that cannot be served, with reasons")
    )
    listing.add_argument("--names", action="store_true", help="nothing but the ids of the models")
    _add_inspect(verbs)
    _with_json(
        verbs.add_parser("doctor", help="finds what is wrong: settings, engines, memory, address, models")
    )
    selftest = _with_json(
        verbs.add_parser("selftest", help="tries two of your models: start, switch, switch back, memory free")
    )
    selftest.add_argument(
        "--packaged", action="store_true", help="look at the program itself, with two tiny models of its own"
    )
    switch = _with_json(verbs.add_parser("switch", help="serve another model; returns when it is ready"))
    switch.add_argument("model", help="name, alias, id or path")
    switch.add_argument(
        "--now", action="store_true", help="cut running answers after the grace of drain-timeout"
    )
    status = _with_json(verbs.add_parser("status", help="what is served, memory, waiting requests"))
    status.add_argument("--watch", action="store_true", help="show every change until Ctrl-C")
    call = verbs.add_parser("call", help="borrow a model, ask it, give it back")
    call.add_argument("model", help="name, alias, id or path")
    call.add_argument("prompt")
    call.add_argument("--system", default="You are a helpful assistant.", metavar="TEXT")
    stop = verbs.add_parser("stop", help="unload everything; the next request loads the selected model again")
    stop.add_argument("--pause", action="store_true", help="requests wake nothing until `resume`")
    verbs.add_parser("resume", help="end a pause")
    history = _with_json(verbs.add_parser("history", help="switches with their times, results and causes"))
    history.add_argument(
        "--limit", type=count, default=20, metavar="N", help="how many to show one by one, 0 for all (20)"
    )
    logs = verbs.add_parser("logs", help="what the engines wrote")
    logs.add_argument("-f", "--follow", action="store_true", help="go on until Ctrl-C")
    verbs.add_parser("quit", help="end the running instance, in order")
    autostart = _with_json(verbs.add_parser("autostart", help="whether the tray starts when you log in"))
    autostart.add_argument("wish", choices=("on", "off", "status"))
    entry = verbs.add_parser("desktop-entry", help="whether the application menu of a Linux desktop lists it")
    entry.add_argument("wish", choices=("on", "off"))
    shell = verbs.add_parser("completions", help="a script that has your shell complete these words")
    shell.add_argument("shell", choices=("bash", "zsh", "fish", "powershell"))
    return top


def _add_inspect(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    inspect = _with_json(
        verbs.add_parser("inspect", help="one GGUF file: what its header says, and the memory that it takes")
    )
    inspect.add_argument("file")
    inspect.add_argument("--ctx-size", type=count, metavar="N", help="one context instead of the usual ones")
    inspect.add_argument("--cache-type-k", default="f16", metavar="TYPE", help="type of cached keys (f16)")
    inspect.add_argument("--cache-type-v", default="f16", metavar="TYPE", help="type of cached values (f16)")
    inspect.add_argument("--n-gpu-layers", type=layers, metavar="N", help="layers on the GPU (all)")
    inspect.add_argument("--no-gpu", action="store_true", help="as on a machine without one")


def port(text: str) -> int:
    """A TCP port, 0 for any.

    Raises:
        ValueError, ArgumentTypeError: It is none.
    """
    number = int(text)
    if not 0 <= number <= LAST_PORT:
        raise argparse.ArgumentTypeError(f"{text} is not a port: those are 0 to {LAST_PORT}")
    return number


def layers(text: str) -> int | None:
    """A number of layers, or None for "all".

    Raises:
        ValueError, ArgumentTypeError: It is neither.
    """
    return None if text == "all" else count(text)


def count(text: str) -> int:
    """A number from 0 up.

    Raises:
        ValueError, ArgumentTypeError: It is none.
    """
    number = int(text)
    if number < 0:
        raise argparse.ArgumentTypeError(f"{text} is less than 0")
    return number


def _with_json(verb: argparse.ArgumentParser) -> argparse.ArgumentParser:
    verb.add_argument("--json", action="store_true", help="one JSON object on standard output")
    return verb

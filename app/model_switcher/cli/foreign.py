"""Another program has our port: the person at the terminal chooses what to do about it."""

from __future__ import annotations

import asyncio
import shlex
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

from model_switcher.domain.errors import AddressInUse, ProgramStays
from model_switcher.domain.remedies import RemedyKind
from model_switcher.engine.foreign import stop_foreign

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from model_switcher.cli.host_options import HostOptions
    from model_switcher.domain.foreign import Holder
    from model_switcher.domain.remedies import Remedy

_LONGEST_COMMAND = 300
_KEYS = {RemedyKind.STOP_PROGRAM: "s", RemedyKind.USE_PORT: "p", RemedyKind.LEAVE: "l"}


def run_or_ask(run: Callable[[HostOptions], int], options: HostOptions) -> int:
    """Run an instance; where another program has its port, ask at the terminal what to do, and run it again.

    Raises:
        AddressInUse: There is nobody to ask, or he leaves things as they are.
    """
    while True:
        try:
            return run(options)
        except AddressInUse as error:
            if not (sys.stdin.isatty() and sys.stderr.isatty()):
                raise
            options = _ask(error, options)


def _ask(error: AddressInUse, options: HostOptions) -> HostOptions:
    """The options to try again with."""
    holder, actions = error.details["holder"], error.details["actions"]
    choices = {_KEYS[action.action]: action for action in actions if action.action in _KEYS}
    _say(f"{error.message}.")
    if holder.command:
        _say(f"  {_shortened(holder)}")
    chosen = _choose(choices)
    if chosen is None or chosen.action is RemedyKind.LEAVE:
        raise error
    if chosen.action is RemedyKind.USE_PORT and chosen.port is not None:
        _say(f"Taking port {chosen.port} this time; [server] port in the settings makes it last.")
        settings = options.settings
        server = replace(settings.server, port=chosen.port)
        return replace(options, settings=replace(settings, server=server))
    try:
        asyncio.run(stop_foreign(holder))
    except ProgramStays as stays:
        _say(f"{stays.message}. {stays.hint}")
    return options


def _choose(choices: Mapping[str, Remedy]) -> Remedy | None:
    """What the person types; None at the end of the input."""
    question = "   ".join(f"[{key}] {_label(action)}" for key, action in choices.items())
    while True:
        print(f"{question}: ", end="", file=sys.stderr, flush=True)
        line = sys.stdin.readline()
        if not line:
            return None
        if (chosen := choices.get(line.strip().casefold()[:1])) is not None:
            return chosen


def _label(action: Remedy) -> str:
    match action.action:
        case RemedyKind.STOP_PROGRAM:
            return "stop that program"
        case RemedyKind.USE_PORT:
            return f"use port {action.port}"
    return "leave it"


def _shortened(holder: Holder) -> str:
    line = shlex.join(holder.command)
    return line if len(line) <= _LONGEST_COMMAND else f"{line[:_LONGEST_COMMAND]}…"


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)

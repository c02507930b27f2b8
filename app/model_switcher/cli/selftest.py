"""`model-switcher selftest`: whether switching works here, with the user's own models."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from typing import TYPE_CHECKING

import msgspec

from model_switcher.cli.ending import end_instance
from model_switcher.cli.trial import Step, Trial
from model_switcher.client.switcher import Switcher
from model_switcher.domain.catalog import Catalog, Kind
from model_switcher.domain.errors import ModelError, UnknownModel
from model_switcher.domain.need import FitKind
from model_switcher.domain.units import format_gib, format_seconds
from model_switcher.domain.wire import encode, fits, plain
from model_switcher.engine.settings_file import load
from model_switcher.places import places

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

    from model_switcher.domain.catalog import Model
    from model_switcher.domain.memory import Gauge

SCAN_SECONDS = 30.0  # for an instance that still reads what its models are

_WORDS = {
    "imports": "Every part can be loaded",
    "resources": "Every file is there",
    "tray": "The tray shows an icon",
    "start": "Start {}",
    "ask": "Ask {}",
    "switch": "Switch to {}",
    "back": "Switch back to {}",
    "unload": "Unload {}",
    "memory": "The memory of {} is free",
    "restore": "All is as it was",
}


async def selftest(options: argparse.Namespace) -> int:
    """`selftest`: start, ask, switch, ask, switch back, ask, memory free; afterwards everything is as it was.

    Raises:
        NoInstance: None runs, and none could be started.
        UnknownModel: There is no model that could be tried.
    """
    async with Switcher(config=options.config) as switcher:
        try:
            first, second = await _two_models(switcher, options.config)
            if options.json:
                steps: list[Step] = []
                status = await Trial(switcher, steps.append).run(first, second)
                print(encode({"ok": status == 0, "steps": [plain(step) for step in steps]}).decode())
            else:
                _introduce(switcher, first, second)
                status = await Trial(switcher, _printer(first, second)).run(first, second)
                print("Switching works." if status == 0 else "Switching does not work as it should.")
            return status
        finally:
            if switcher.started:
                await end_instance(switcher, options.config)


def packaged(options: argparse.Namespace) -> int:
    """`selftest --packaged`: the program itself, whatever the user's models are."""
    from model_switcher.cli.packaged import trials  # noqa: PLC0415 - it loads everything

    if options.json:
        steps: list[Step] = []
        status = trials(steps.append)
        print(encode({"ok": status == 0, "steps": [plain(step) for step in steps]}).decode())
    else:
        status = trials(_printer(None, None))
        print("The program is whole." if status == 0 else "The program is not whole.")
    return status


async def _two_models(switcher: Switcher, config: str | None) -> tuple[Model, Model | None]:
    """What is selected, else the default model, else what was used last, else the smallest; and the next of these.

    Raises:
        UnknownModel: There is none that writes text and fits.
    """
    if switcher.started or (await switcher.state()).scanning:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(SCAN_SECONDS):
                await switcher.rescan()
    found = await _candidates(switcher, config)
    if not found:
        raise UnknownModel(
            "There is no model to try: none was found that writes text and fits",
            hint="`model-switcher list` shows every model, and why others cannot be served.",
        )
    return found[0], found[1] if len(found) > 1 else None


async def _candidates(switcher: Switcher, config: str | None) -> list[Model]:
    """Models that write text and fit, in the order in which they are tried."""
    form = await switcher.raw_models()
    catalog, fit = msgspec.convert(form, Catalog), fits(form)
    wished = [(await switcher.state()).selected]
    default = load(places(config).settings).settings.default_model
    if default is not None:
        with contextlib.suppress(ModelError):
            wished.append(catalog.find(default).id)
    wished += [one.model for one in (await switcher.history()).models if one.succeeded]

    def order(model: Model) -> tuple[int, int]:
        return wished.index(model.id) if model.id in wished else len(wished), model.size

    usable = [
        model
        for model in catalog.models
        if model.kind is Kind.TEXT
        and model.available
        and not (model.id in fit and fit[model.id].kind is FitKind.SHORT)
    ]
    return sorted(usable, key=order)


def _introduce(switcher: Switcher, first: Model, second: Model | None) -> None:
    if switcher.started:
        print(f"No instance was running: one was started at {switcher.address} for this.", file=sys.stderr)
    if second is None:
        print(f"Trying {first.name} alone: there is no second model that writes text and fits.")
    else:
        print(f"Trying {first.name} and {second.name}.")


def _printer(first: Model | None, second: Model | None) -> Callable[[Step], None]:
    """Prints each step as a row of a table."""
    names = {model.id: model.name for model in (first, second) if model is not None}
    shown = names.values() or ("demo-alder",)
    width = max(len(words.format(name)) for words in _WORDS.values() for name in shown)
    good, bad = _marks()

    def print_step(step: Step) -> None:
        what = _WORDS[step.step].format(names.get(step.model or "", step.model))
        row = f"{good if step.ok else bad}  {what:<{width}}  {format_seconds(step.seconds):>8}  {_in_use(step.memory)}"
        print(row.rstrip(), flush=True)
        if step.problem:
            print(f"   {step.problem}. {step.hint}".rstrip(), flush=True)

    return print_step


def _marks() -> tuple[str, str]:
    """For what went well, and what did not; plain words where the output cannot show signs."""
    try:
        "✓✗".encode(sys.stdout.encoding or "ascii")
    except UnicodeEncodeError:
        return "ok", "XX"
    return "✓", "✗"


def _in_use(memory: Gauge | None) -> str:
    if memory is None or memory.used is None:
        return ""
    return f"{memory.label} {format_gib(memory.used)} of {format_gib(memory.total)} GiB"

"""The verbs that talk to a running instance. Each takes the parsed arguments and returns the exit status."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from model_switcher.cli import render
from model_switcher.cli.autostart import autostart
from model_switcher.cli.call import call
from model_switcher.cli.desktop_entry import desktop_entry
from model_switcher.cli.doctor import doctor
from model_switcher.cli.ending import end_instance
from model_switcher.cli.history import history
from model_switcher.cli.inspect import inspect
from model_switcher.cli.progress import progress_shown, reading_shown, say_if_started
from model_switcher.cli.selftest import selftest
from model_switcher.cli.tables import print_catalog
from model_switcher.client.finding import find
from model_switcher.client.switcher import Switcher
from model_switcher.domain.catalog import Catalog
from model_switcher.domain.snapshot import Snapshot
from model_switcher.domain.wire import encode, fits, models
from model_switcher.engine.collection import catalog_now
from model_switcher.engine.needs.now import with_fits
from model_switcher.engine.settings_file import load, settings_error
from model_switcher.places import places

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Coroutine

    from model_switcher.domain.settings import Settings


async def list_models(options: argparse.Namespace) -> int:
    """`list`: from the running instance, else by a scan of its own."""
    state = None
    if find(places(options.config)) is not None:
        async with Switcher(config=options.config, start=False) as switcher:
            form, state = await switcher.raw_models(), await switcher.state()
            catalog = msgspec.convert(form, Catalog)
    else:
        settings, where = _settings(options.config), places(options.config)
        with reading_shown() as shown:
            catalog = await catalog_now(settings, where, shown)
        form = models(
            Snapshot(catalog=catalog) if options.names else await with_fits(catalog, settings, where)
        )
    if options.names:
        print("\n".join(model.id for model in catalog.models))
    elif options.json:
        _print_json(form)
    else:
        print_catalog(catalog, fits(form), state)
    return 0


def _settings(config: str | None) -> Settings:
    where = places(config).settings
    loaded = load(where)
    if loaded.problems:
        raise settings_error(where, loaded.problems)
    return loaded.settings


async def switch(options: argparse.Namespace) -> int:
    """`switch`: with progress on a terminal."""
    async with Switcher(config=options.config) as switcher:
        say_if_started(switcher)
        async with progress_shown(switcher):
            outcome = await switcher.switch(options.model, now=options.now)
    if options.json:
        _print_json({"outcome": outcome})
    else:
        render.print_outcome(outcome)
    return 0


async def status(options: argparse.Namespace) -> int:
    """`status`: once, or at every change."""
    async with Switcher(config=options.config, start=False) as switcher:
        if options.json and not options.watch:
            _print_json(await switcher.raw_state())
            return 0
        if not options.watch:
            render.print_state(await switcher.state(), await switcher.models())
            return 0
        if options.json:
            async for state in switcher.raw_events():
                print(state, flush=True)
        else:
            async for snapshot in switcher.events():
                print(render.state_line(snapshot), flush=True)
    return 0


async def stop(options: argparse.Namespace) -> int:
    """`stop`: unload everything."""
    async with Switcher(config=options.config, start=False) as switcher:
        await switcher.stop(pause=options.pause)
    print(
        "Everything is unloaded; requests wake nothing until `model-switcher resume`."
        if options.pause
        else "Everything is unloaded; the next request loads the selected model again."
    )
    return 0


async def resume(options: argparse.Namespace) -> int:
    """`resume`: end a pause."""
    async with Switcher(config=options.config, start=False) as switcher:
        await switcher.resume()
    return 0


async def logs(options: argparse.Namespace) -> int:
    """`logs`: what the engines wrote."""
    async with Switcher(config=options.config, start=False) as switcher:
        async for line in switcher.log(follow=options.follow):
            print(line, flush=options.follow)
    return 0


async def quit_instance(options: argparse.Namespace) -> int:
    """`quit`: end the instance, and wait until its process is gone."""
    async with Switcher(config=options.config, start=False) as switcher:
        await end_instance(switcher, options.config)
    return 0


VERBS: dict[str, Callable[[argparse.Namespace], Coroutine[None, None, int]]] = {
    "list": list_models,
    "inspect": inspect,
    "doctor": doctor,
    "selftest": selftest,
    "switch": switch,
    "status": status,
    "call": call,
    "stop": stop,
    "resume": resume,
    "history": history,
    "logs": logs,
    "quit": quit_instance,
    "autostart": autostart,
    "desktop-entry": desktop_entry,
}


def _print_json(value: object) -> None:
    print(encode(value).decode())

"""`model-switcher demo`: two tiny models, a tour through what the program does, all of it real."""

from __future__ import annotations

import shutil
import time
from typing import TYPE_CHECKING

from model_switcher.cli.host_options import HostOptions
from model_switcher.client.switcher import Switcher
from model_switcher.domain.settings import ServerSettings, Settings
from model_switcher.domain.units import format_seconds
from model_switcher.engine.demo_models import write_demo_models
from model_switcher.places import Places, places

if TYPE_CHECKING:
    from pathlib import Path

    from model_switcher.domain.snapshot import Snapshot
    from model_switcher.engine.runtime import Runtime

# Random weights know no language; the grammar keeps what they say to letters.
_ANSWER = {"grammar": "root ::= [a-z]+", "max_tokens": 12, "temperature": 1.0}


def prepare(folder: Path) -> HostOptions:
    """An instance of two tiny models that lie in `folder`, beside its settings file, on a port of its own."""
    models = folder / "models"
    models.mkdir()
    alder, _ = write_demo_models(models)
    settings = Settings(
        model_folders=(str(models),),
        stores=(),
        default_model=str(alder),
        server=ServerSettings(port=0),
    )
    return HostOptions(settings=settings, places=places(folder / "settings.toml"))


def clean_up(where: Places) -> None:
    """Delete what the instance kept outside its folder."""
    for folder in (where.runtime, where.cache, where.logs, where.state):
        shutil.rmtree(folder, ignore_errors=True)


async def tour(runtime: Runtime, *, leave: bool) -> bool:
    """Ask one model, switch, ask the other; returns whether the program should end now.

    Raises:
        SwitcherError: Something of that does not work here.
    """
    begun = time.monotonic()
    first = await runtime.hub.wait_for(lambda snapshot: snapshot.outcome is not None)
    async with Switcher(config=runtime.places.settings, start=False) as switcher:
        await _ask(switcher, first)
        print(f"First answer {format_seconds(time.monotonic() - begun)} after the start.\n", flush=True)
        other = next(model for model in runtime.snapshot.catalog.models if model.id != first.selected)
        outcome = await switcher.switch(other.id)
        print(f"Switched to {other.name} in {format_seconds(outcome.seconds)}.", flush=True)
        await _ask(switcher, runtime.snapshot)
    if not leave:
        print(
            f"\nThe address stays {runtime.snapshot.address}/v1 through every switch. Try it:\n"
            f"  curl {runtime.snapshot.address}/v1/models\n"
            f"  model-switcher --config {runtime.places.settings} switch {first.selected}\n"
            "Ctrl-C ends the demo and deletes its models.",
            flush=True,
        )
    return leave


async def _ask(switcher: Switcher, snapshot: Snapshot) -> None:
    answer = await switcher.chat("You are a tree.", "What do you say?", **_ANSWER)
    server = snapshot.served
    assert server is not None  # or there would have been no answer
    print(f"{server.model} ({server.engine}, process {server.pid}) says: {answer}", flush=True)

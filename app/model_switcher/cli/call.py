"""The verb `call`: borrow a model, ask it, give it back."""

from __future__ import annotations

import sys
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

from model_switcher.cli.progress import progress_shown, say_if_started
from model_switcher.client.switcher import Switcher

if TYPE_CHECKING:
    import argparse

    from model_switcher.client.lease import Lease


async def call(options: argparse.Namespace) -> int:
    """`call`: on a terminal the answer is printed as it comes."""
    async with Switcher(config=options.config) as switcher, AsyncExitStack() as stack:
        say_if_started(switcher)
        async with progress_shown(switcher):
            lease = await stack.enter_async_context(switcher.lease(options.model))
        if sys.stdout.isatty():
            await _print_as_it_comes(lease, options.system, options.prompt)
        else:
            print(await lease.chat(options.system, options.prompt))
    return 0


async def _print_as_it_comes(lease: Lease, system: str, prompt: str) -> None:
    try:
        async for piece in lease.stream(system, prompt):
            print(piece, end="", flush=True)
    finally:
        print()

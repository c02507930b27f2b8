"""Switch time through the program beside what the bare engine, and its own router mode, need for the same, in one run.

    PYTHONPATH=tests python benchmarks/switching.py [--rounds 20] [--engine llama-server|embedded] [--sizes tiny,300M,2G]

The floor of a switch is the bare engine's own: exit of the old process, start of the new one, first token. All use
the same binary and the same two models of each size, and take turns in every round; what is added is the median of the
differences round by round, for the machine's own speed comes and goes. Two more figures are ours alone:
going back to a model that is still resident, and the return of the old model when the new one fails.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import tempfile
import time
from contextlib import AsyncExitStack
from pathlib import Path

from fakes.contenders import BareEngine, Contender, Router, Switcher, settings_for
from fakes.engines import EMBEDDED, LLAMA_SERVER
from model_switcher.domain.engines import EngineBinary
from model_switcher.engine.demo_models import write_llama

# Name → embedding length, blocks, feed-forward length.
SIZES = {"tiny": (64, 2, 128), "300M": (1024, 23, 2816), "2G": (2048, 48, 5632)}
Times = dict[str, list[float]]


def models(folder: Path, size: str) -> list[Path]:
    """Two of that size, and one whose load fails."""
    embedding, blocks, feed_forward = SIZES[size]
    return [
        write_llama(
            folder / f"{size}-{name}.gguf", name=f"{size} {name}", seed=seed,
            embedding_length=embedding, block_count=blocks, feed_forward_length=feed_forward,
        )
        for seed, name in enumerate(("one", "two"))
    ]  # fmt: skip


async def timed(contender: Contender, target: Path) -> float:
    begun = time.perf_counter()
    await contender.switch(target)
    return time.perf_counter() - begun


async def side_by_side(binary: EngineBinary, folder: Path, pair: list[Path], rounds: int) -> Times:
    """Every contender switches to and fro, in turn."""
    times: Times = {}
    async with AsyncExitStack() as stack:
        contenders: list[Contender] = [
            await stack.enter_async_context(BareEngine(binary)),
            await stack.enter_async_context(Switcher(settings_for(folder / "turns", pair, binary))),
        ]
        if binary.kind == "llama-server":
            contenders.append(await stack.enter_async_context(Router(binary, pair[0].parent)))
        for number in range(-1, rounds):
            for contender in contenders:
                seconds = await timed(contender, pair[number % 2])
                if number >= 0:
                    times.setdefault(contender.name, []).append(seconds)
    return times


async def back_to_a_resident_one(binary: EngineBinary, folder: Path, pair: list[Path], rounds: int) -> Times:
    settings = settings_for(folder / "beside", pair, binary, resident=True)
    choices: list[float] = []
    times: list[float] = []
    async with Switcher(settings, "back to a resident model") as ours:
        for number in range(2):
            await ours.switch(pair[number])
        both = {server.pid for server in ours.instance.state().servers}
        if len(both) != len(pair):
            return {"back to a resident model: the two do not fit beside each other": []}
        for number in range(rounds):
            begun = time.perf_counter()
            (await ours.choose(pair[number % 2])).raise_for_status()
            choices.append(time.perf_counter() - begun)
            await ours.ask()
            times.append(time.perf_counter() - begun)
        assert {server.pid for server in ours.instance.state().servers} == both
    return {ours.name: choices, "the same, to the first token": times}


async def return_of_the_old(binary: EngineBinary, folder: Path, pair: list[Path], rounds: int) -> Times:
    """The second model's load fails, always: its adapter is not there."""
    fails = f"[models.'{pair[1].stem}']\nlora = '{folder / 'nowhere.gguf'}'"
    settings = settings_for(folder / "fails", pair, binary, more=fails)
    back: list[float] = []
    start: list[float] = []
    async with Switcher(settings) as ours:
        await ours.switch(pair[0])
        for _ in range(rounds):
            pid = ours.instance.state().servers[0].pid
            answer = await ours.choose(pair[1])
            assert answer.is_error, answer.text
            ready = await ours.instance.ready()
            server = ready.servers[0]
            assert server.pid != pid
            assert ready.outcome is not None
            assert server.load_seconds is not None
            back.append(ready.outcome.phases["rollback"])
            start.append(server.load_seconds)
    return {"old model back after a failure": back, "of which its own start": start}


def row(name: str, seconds: list[float], floor: list[float] | None = None) -> str:
    if not seconds:
        return f"  {name}"
    ordered = sorted(seconds)
    middle = statistics.median(ordered)
    added = ""
    if floor is not None:
        more = statistics.median(ours - bare for ours, bare in zip(seconds, floor, strict=True))
        added = f"   {more * 1000:+8.1f}"
    return (
        f"  {name:<42} median {middle * 1000:8.1f} ms   min {ordered[0] * 1000:8.1f}   "
        f"max {ordered[-1] * 1000:8.1f}   ({len(ordered)}){added}"
    )


async def measure(options: argparse.Namespace, binary: EngineBinary) -> None:
    for size in options.sizes.split(","):
        with tempfile.TemporaryDirectory(prefix="switching-") as name:
            folder = Path(name)
            files = folder / "models"
            files.mkdir()
            pair = models(files, size)
            print(f"{size} ({pair[0].stat().st_size / 1e6:.1f} MB), {options.engine}, to the first token:")
            found = await side_by_side(binary, folder, pair, options.rounds)
            floor = next(iter(found.values()))
            for title, times in found.items():
                print(row(title, times, floor))
            for further in (back_to_a_resident_one, return_of_the_old):
                for title, times in (await further(binary, folder, pair, options.rounds)).items():
                    print(row(title, times))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--engine", choices=["llama-server", "embedded"], default="llama-server")
    parser.add_argument("--sizes", default="tiny", help=f"some of {','.join(SIZES)}")
    options = parser.parse_args()
    asyncio.run(measure(options, EMBEDDED if options.engine == "embedded" else LLAMA_SERVER))


if __name__ == "__main__":
    main()

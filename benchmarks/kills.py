"""Eight clients over three models by name while engines are killed at random: us, and llama-server's own router.

    PYTHONPATH=tests python benchmarks/kills.py [--seconds 600] [--clients 8] [--kill-every 40]

Only a request that runs while an engine is killed may fail, and it has to be told so. More than five kills of one model
in ten minutes would make the program give that model up for a while, as it does with any that crashes so often.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
from pathlib import Path

from fakes.contenders import Router, Switcher, settings_for
from fakes.engines import LLAMA_SERVER
from fakes.killing import Tally, storm
from model_switcher.engine.demo_models import write_llama

NAMES = ("alder", "birch", "cedar")


async def ours(folder: Path, files: list[Path], options: argparse.Namespace) -> Tally:
    settings = settings_for(folder / "ours", files, LLAMA_SERVER)
    async with Switcher(settings) as it:
        process = it.instance.process
        assert process is not None
        return await _storm(it.instance.address, process.pid, options)


async def router(folder: Path, options: argparse.Namespace) -> Tally:
    async with Router(LLAMA_SERVER, folder) as it:
        return await _storm(it.address, it.pid, options)


async def _storm(address: str, root: int, options: argparse.Namespace) -> Tally:
    return await storm(
        address, NAMES, root, seconds=options.seconds, clients=options.clients, kill_every=options.kill_every
    )


def tell(name: str, tally: Tally) -> None:
    print(
        f"{name:<38} {sum(tally.whole.values()):6} whole answers {dict(tally.whole)}, longest {tally.longest:.2f} s; "
        f"{len(tally.kills)} kills, {tally.cut} requests cut by them, {len(tally.spoilt)} failed otherwise"
    )
    for problem, count in tally.told.most_common(4):
        print(f"    cut: {count:5} × {problem}")
    for problem in tally.spoilt[:4]:
        print(f"    otherwise: {problem[:160]}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--kill-every", type=float, default=40.0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="kills-") as name:
        folder = Path(name)
        (folder / "models").mkdir()
        files = [
            write_llama(folder / "models" / f"{name}.gguf", name=name, seed=seed)
            for seed, name in enumerate(NAMES)
        ]
        tally = asyncio.run(ours(folder, files, options))
        tell("through Model Switcher", tally)
        tell("llama-server's router, --models-max 1", asyncio.run(router(folder / "models", options)))
    return 1 if tally.spoilt else 0


if __name__ == "__main__":
    raise SystemExit(main())

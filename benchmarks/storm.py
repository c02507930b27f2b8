"""Eight streaming clients across fifty switches, and what became of every stream.

PYTHONPATH=tests python benchmarks/storm.py [--switches 50] [--streams 1000] [--clients 8]
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import tempfile
from pathlib import Path

from fakes.engines import ENGINES
from fakes.instance import Instance, write_settings
from fakes.storm import Storm, storm
from model_switcher.domain.engines import EngineBinary
from model_switcher.engine.demo_models import write_demo_models


async def run(engine: EngineBinary, options: argparse.Namespace) -> Storm:
    with tempfile.TemporaryDirectory(prefix="storm-") as folder:
        settings = write_settings(Path(folder), write_demo_models(Path(folder)), engine=engine)
        async with Instance(settings) as instance:
            await instance.ready()
            return await storm(
                instance.address,
                ["demo-alder", "demo-birch"],
                clients=options.clients,
                switches=options.switches,
                streams=options.streams,
            )


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--switches", type=int, default=50)
    parser.add_argument("--streams", type=int, default=1000)
    parser.add_argument("--clients", type=int, default=8)
    options = parser.parse_args()
    failed = 0
    for engine in ENGINES:
        result = asyncio.run(run(engine, options))
        print(
            f"{engine.kind}: {result.streams} whole streams, {len(result.problems)} failed, "
            f"{result.switches} switches in {result.seconds:.1f} s; "
            f"switch median {statistics.median(result.switch_seconds) * 1000:.0f} ms, "
            f"longest stream {result.longest_stream:.2f} s, by model {result.by_model}"
        )
        for problem in result.problems:
            print(f"  {problem}")
        failed += len(result.problems)
    return 1 if failed else 0


if __name__ == "__main__":
    raise SystemExit(main())

"""How far the predicted memory is from what llama-server itself says, beside other estimators in the same run.

    PYTHONPATH=tests python benchmarks/memory.py
    PYTHONPATH=tests python benchmarks/memory.py TRUTH CORPUS [--modelinfo COMMAND] [--node FOLDER] [--context N]

The first form compares with all that lies in tests/data/memory. The second needs the files themselves: TRUTH and CORPUS
are those of benchmarks/memory_data.py. There other estimators are asked too, about everything on the GPU at f16, which
all of them know: the size of the file times 1.2; xllamacpp.memory; `modelinfo` of modelinfo-cli, if it is found or
COMMAND names it; node-llama-cpp, if FOLDER has it in its node_modules.
"""

from __future__ import annotations

import argparse
import json
import logging
import re
import shutil
import statistics
import subprocess
import time
from collections import defaultdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from memory_data import read_truth
from xllamacpp.memory import estimate_gpu_layers

from fakes.memory_truth import DATA, read_blueprints, read_rows
from model_switcher.domain.prediction.predict import predict
from model_switcher.domain.units import GIB, KIB, MIB

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from fakes.memory_truth import Row
    from model_switcher.domain.prediction.blueprint import Blueprint

UNITS = {"KB": KIB, "MB": MIB, "GB": GIB}

NODE = """
import {readGgufFileInfo, GgufInsights} from "node-llama-cpp";
const [file, context] = process.argv.slice(2);
const insights = await GgufInsights.from(await readGgufFileInfo(file));
const layers = insights.totalLayers;
const model = insights.estimateModelResourceRequirements({gpuLayers: layers});
const kept = await insights.estimateContextResourceRequirements(
    {contextSize: +context, modelGpuLayers: layers, batchSize: 512, flashAttention: true});
console.log(model.gpuVram + kept.gpuVram);
"""


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("truth", type=Path, nargs="?")
    parser.add_argument("corpus", type=Path, nargs="?")
    parser.add_argument("--modelinfo", default=shutil.which("modelinfo"), help="command of modelinfo-cli")
    parser.add_argument("--node", type=Path, help="folder whose node_modules have node-llama-cpp")
    parser.add_argument(
        "--context", help="ask the others about that context only: some take ten seconds a file"
    )
    arguments = parser.parse_args()
    if arguments.truth is None or arguments.corpus is None:
        for name in ("corpus", "further", "published"):
            print(f"\n## {name}\n")
            rows = read_rows(DATA / f"{name}-truth.csv")
            print_ours(rows, our_errors(rows, read_blueprints(DATA / f"{name}-blueprints.json")))
        return
    rows, blueprints = read_truth(arguments.truth, arguments.corpus)
    errors = our_errors(rows, blueprints)
    print_ours(rows, errors)
    asked = [
        row
        for row in rows
        if row.variant == ""
        and "cache-type-k" not in row.options
        and arguments.context in (None, row.options["ctx-size"])
    ]
    print_others(asked, arguments.corpus, errors, others(arguments))


def print_ours(rows: list[Row], errors: dict[int, float]) -> None:
    whole = [row for row in rows if row.variant == ""]
    print_groups("way to load", rows, errors, lambda row: row.variant or "everything on the GPU")
    print_groups("context and cache, everything on the GPU", whole, errors, contexts)
    print_groups("model, everything on the GPU", whole, errors, lambda row: row.model)


def our_errors(rows: Iterable[Row], blueprints: dict[str, Blueprint]) -> dict[int, float]:
    """By what share of the truth each row is off: on the GPU, or in main memory where there is none."""
    errors: dict[int, float] = {}
    started, count = time.process_time(), 0
    for row in rows:
        need = predict(blueprints[row.model], row.load, gpu=row.gpu)
        count += 1
        if need is not None:
            found, true = (need.device, row.device) if row.gpu else (need.host, row.host)
            errors[id(row)] = abs(found.total / sum(true) - 1)
    print(f"{count} predictions, {(time.process_time() - started) / count * 1000:.1f} ms each")
    return errors


def contexts(row: Row) -> str:
    return f"{int(row.options['ctx-size']):7,}, {row.options.get('cache-type-k', 'f16')}"


def print_groups(
    title: str, rows: Iterable[Row], errors: dict[int, float], key: Callable[[Row], str]
) -> None:
    groups: dict[str, list[float]] = defaultdict(list)
    for row in rows:
        if id(row) in errors:
            groups[key(row)].append(errors[id(row)])
    print(f"\n| {title} | rows | median | worst |\n|---|---:|---:|---:|")
    for name, some in sorted(groups.items()):
        print(f"| {name.strip()} | {len(some)} | {statistics.median(some):.2%} | {max(some):.2%} |")


def others(arguments: argparse.Namespace) -> dict[str, Callable[[Path, int], float | None]]:
    found: dict[str, Callable[[Path, int], float | None]] = {
        "size × 1.2": lambda path, _: path.stat().st_size * 1.2,
        "xllamacpp.memory": by_xllamacpp,
    }
    if arguments.modelinfo:
        found["modelinfo-cli"] = partial(by_modelinfo, arguments.modelinfo)
    if arguments.node:
        found["node-llama-cpp"] = partial(by_node, arguments.node)
    return found


def by_xllamacpp(path: Path, context: int) -> float | None:
    logging.disable(logging.CRITICAL)
    gpu: dict[str, Any] = {"name": "GPU", "memory_free": 1 << 50, "memory_total": 1 << 50}
    estimate = estimate_gpu_layers([gpu], str(path), [], context, 512, 4, "f16")
    return float(estimate.total_size)


def by_modelinfo(command: str, path: Path, context: int) -> float | None:
    done = subprocess.run(
        [command, "--context", str(context), str(path)], capture_output=True, text=True, check=False
    )
    found = re.search(r"VRAM \(est\):\s+~?([\d.,]+) ([KMG]B)", done.stdout)
    return float(found[1].replace(",", "")) * UNITS[found[2]] if found else None


def by_node(folder: Path, path: Path, context: int) -> float | None:
    # It starts itself once more to try its library, and cannot do that out of standard input.
    script = folder / "estimate.mjs"
    script.write_text(NODE, encoding="utf-8")
    done = subprocess.run(
        ["node", script, path, str(context)], cwd=folder, capture_output=True, text=True, check=False
    )
    return float(done.stdout) if done.returncode == 0 else None


def print_others(
    rows: list[Row],
    corpus: Path,
    ours: dict[int, float],
    estimators: dict[str, Callable[[Path, int], float | None]],
) -> None:
    manifest = json.loads((corpus / "manifest.json").read_text(encoding="utf-8"))
    print("\n| estimator | rows | median | worst | seconds each |\n|---|---:|---:|---:|---:|")
    print_line("Model Switcher", [ours[id(row)] for row in rows if id(row) in ours], None)
    for name, estimate in estimators.items():
        errors, started = [], time.monotonic()
        for row in rows:
            try:
                found = estimate(corpus / manifest[row.model]["file"], int(row.options["ctx-size"]))
            except Exception as error:  # noqa: BLE001 - what others stumble over is not ours to name
                print(f"{name} fails with {row.model}: {error}")
                continue
            if found is not None:
                errors.append(abs(found / sum(row.device) - 1))
        print_line(name, errors, (time.monotonic() - started) / len(rows))


def print_line(name: str, errors: list[float], seconds: float | None) -> None:
    if errors:
        took = "" if seconds is None else f"{seconds:.2f}"
        print(f"| {name} | {len(errors)} | {statistics.median(errors):.2%} | {max(errors):.2%} | {took} |")


if __name__ == "__main__":
    main()

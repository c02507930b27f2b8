"""Writes the data that the tests of the memory prediction stand on.

    PYTHONPATH=tests python benchmarks/memory_data.py TRUTH CORPUS NAME

TRUTH is a file of llama-server's own figures: by "model|context|type of the cache|way to load it", `dev` for what its
table `memory breakdown` says of each device in MiB, `buf.compute` for its compute buffers, `layers` for how many layers
were on the GPU where those are neither all nor half of the blocks (the way is then "gpu:ngl=" and that number). CORPUS
is the folder of the GGUF files, with a manifest.json that says which file each model is. Written are
NAME-blueprints.json and NAME-truth.csv in tests/data/memory.
"""

from __future__ import annotations

import argparse
import json
import re
from pathlib import Path
from typing import Any

from fakes.memory_truth import DATA, Row, write_blueprints, write_rows
from model_switcher.domain.prediction.blueprint import Blueprint, merge, open_blueprint
from model_switcher.domain.units import MIB
from model_switcher.engine.catalog.blueprint import blueprint_of
from model_switcher.engine.gguf import read_header

# What each way to load a model means in llama-server's options; a half is of the model's blocks.
WAYS: dict[str, dict[str, str]] = {
    "": {},
    "cpu": {},
    "no layers": {"n-gpu-layers": "0"},
    "half": {"n-gpu-layers": "half"},
    "some layers": {"n-gpu-layers": "half"},
    "caches in main memory": {"no-kv-offload": "true"},
    "no flash attention": {"flash-attn": "off"},
    "cpu, no flash attention": {"flash-attn": "off"},
    "cpu, no repacking": {"no-repack": "true"},
    "one slot": {"parallel": "1"},
    "contexts apart": {"parallel": "4", "no-kv-unified": "true"},
    "whole windows": {"swa-full": "true"},
    "batches of 128": {"ubatch-size": "128"},
    "batches of 2048": {"ubatch-size": "2048"},
    "vectors": {"embedding": "true"},
    "cpu, vectors": {"embedding": "true"},
}
NAMES = {
    "gpu": "",
    "cpu": "cpu",
    "ngl0": "no layers",
    "gpu:ngl-half": "half",
    "gpu:ngl": "some layers",
    "gpu:nkvo": "caches in main memory",
    "gpu:fa-off": "no flash attention",
    "cpu:fa-off": "cpu, no flash attention",
    "cpu:no-repack": "cpu, no repacking",
    "gpu:np1": "one slot",
    "gpu:np4-nokvu": "contexts apart",
    "gpu:swa-full": "whole windows",
    "gpu:ub128": "batches of 128",
    "gpu:ub2048": "batches of 2048",
    "gpu:embedding": "vectors",
    "cpu:embedding": "cpu, vectors",
}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("truth", type=Path)
    parser.add_argument("corpus", type=Path)
    parser.add_argument("name")
    arguments = parser.parse_args()
    rows, blueprints = read_truth(arguments.truth, arguments.corpus)
    DATA.mkdir(parents=True, exist_ok=True)
    write_rows(DATA / f"{arguments.name}-truth.csv", rows)
    write_blueprints(DATA / f"{arguments.name}-blueprints.json", blueprints)
    print(f"{len(rows)} rows of {len(blueprints)} models")


def read_truth(truth: Path, corpus: Path) -> tuple[list[Row], dict[str, Blueprint]]:
    """The rows of a truth file, and the blueprints of the models in it."""
    said: dict[str, Any] = json.loads(truth.read_text(encoding="utf-8"))
    manifest: dict[str, Any] = json.loads((corpus / "manifest.json").read_text(encoding="utf-8"))
    names = sorted({key.split("|")[0] for key in said})
    blueprints = {name: read_blueprint(corpus / manifest[name]["file"]) for name in names}
    return [read_row(key, figures, blueprints) for key, figures in sorted(said.items())], blueprints


def read_blueprint(path: Path) -> Blueprint:
    """The blueprint of a model, of all its parts where it is split."""
    parts = [path]
    if found := re.search(r"-00001-of-(\d{5})\.gguf$", path.name):
        count = int(found[1])
        parts = [Path(str(path).replace("-00001-of-", f"-{part:05d}-of-")) for part in range(1, count + 1)]
    read = [blueprint_of(read_header(part)) for part in parts]
    merged = merge(tuple(part for part in read if part is not None))
    if merged is None or None in read:
        raise SystemExit(f"{path} has no blueprint")
    return merged


def read_row(key: str, said: dict[str, Any], blueprints: dict[str, Blueprint]) -> Row:
    """One line of a truth file."""
    model, context, cache_type, way = key.split("|")
    variant = NAMES[way.partition("=")[0]]
    options = {"ctx-size": context, **WAYS[variant]}
    if cache_type != "f16":
        options |= {"cache-type-k": cache_type, "cache-type-v": cache_type}
    if options.get("n-gpu-layers") == "half":
        blocks = open_blueprint(blueprints[model]).hyperparameters["block_count"]
        options["n-gpu-layers"] = str(said.get("layers", int(str(blocks)) // 2))
    tables, buffers = said["dev"], said["buf"]["compute"]
    device = [table for name, table in tables.items() if name not in ("Host", "CPU_REPACK")]
    host = [table for name, table in tables.items() if name in ("Host", "CPU_REPACK")]
    on_device = {name: size for name, size in buffers.items() if name in tables}
    in_host = {name: size for name, size in buffers.items() if name not in tables}
    return Row(
        model=model,
        variant=variant,
        options=options,
        device=_figures(device, on_device),
        host=_figures(host, in_host),
    )


def _figures(tables: list[dict[str, int]], buffers: dict[str, float]) -> tuple[float, float, float]:
    return (
        sum(table["model"] for table in tables) * MIB,
        sum(table["context"] for table in tables) * MIB,
        sum(buffers.values()) * MIB,
    )


if __name__ == "__main__":
    main()

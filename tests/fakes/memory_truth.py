"""What llama-server itself said that models take, and the blueprints of those models.

The figures stand in tests/data/memory: of each model and each way to load it the first table `memory breakdown` that
llama-server b10434 prints at verbosity 5, and its `compute buffer size`. No GPU was needed: a Vulkan driver in software
lent its name and 256 GiB of memory, or more. `corpus` are the models that the rules were found with, `further` are
others, of other architectures, made up to check the rules, `published` are 38 that people load, in their real sizes,
which the rules had not seen when they were asked about (one mistake was found with them). benchmarks/memory_data.py writes these files.
"""

from __future__ import annotations

import csv
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from model_switcher.domain.prediction.blueprint import Blueprint, Tensor, open_blueprint, pack
from model_switcher.domain.prediction.load import LoadOptions, load_options
from model_switcher.domain.units import MIB

if TYPE_CHECKING:
    from collections.abc import Iterable

DATA = Path(__file__).parents[1] / "data" / "memory"
_FIGURES = ("weights", "cache", "compute")


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One model, loaded in one way.

    Attributes:
        model: Its name.
        variant: In a word or two what is unusual about the way: "" for everything on the GPU, "cpu" for no GPU.
        options: Of llama-server, by their long names.
        device, host: Bytes of weights, cache and compute buffers there; weights and caches to the MiB below.
    """

    model: str
    variant: str
    options: dict[str, str]
    device: tuple[float, float, float]
    host: tuple[float, float, float]

    @property
    def gpu(self) -> bool:
        return not self.variant.startswith("cpu")

    @property
    def load(self) -> LoadOptions:
        return load_options(self.options)


def read_rows(path: Path) -> list[Row]:
    """The rows of a file of tests/data/memory."""
    with path.open(newline="", encoding="utf-8") as file:
        return [
            Row(
                model=line["model"],
                variant=line["variant"],
                options=dict(option.split("=", 1) for option in line["options"].split()),
                device=_figures(line, "device"),
                host=_figures(line, "host"),
            )
            for line in csv.DictReader(file)
        ]


def write_rows(path: Path, rows: Iterable[Row]) -> None:
    """Write what `read_rows` reads."""
    with path.open("w", newline="", encoding="utf-8") as file:
        names = [f"{place}_{figure}" for place in ("device", "host") for figure in _FIGURES]
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["model", "variant", "options", *names])
        for row in rows:
            options = " ".join(f"{name}={value}" for name, value in row.options.items())
            sizes = (f"{size / MIB:.2f}".rstrip("0").rstrip(".") for size in (*row.device, *row.host))
            writer.writerow([row.model, row.variant, options, *sizes])


def _figures(line: dict[str, str], place: str) -> tuple[float, float, float]:
    weights, cache, compute = (float(line[f"{place}_{figure}"]) * MIB for figure in _FIGURES)
    return weights, cache, compute


def read_blueprints(path: Path) -> dict[str, Blueprint]:
    """The blueprints of a file of tests/data/memory, by the names of the models."""
    return {name: _blueprint(form) for name, form in json.loads(path.read_text(encoding="utf-8")).items()}


def write_blueprints(path: Path, blueprints: dict[str, Blueprint]) -> None:
    """Write what `read_blueprints` reads: a model a line, blocks with the same tensors once."""
    lines = (
        f'"{name}":{json.dumps(_form(blueprint), separators=(",", ":"))}'
        for name, blueprint in blueprints.items()
    )
    path.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")


def _blueprint(form: dict[str, Any]) -> Blueprint:
    tensors = [Tensor(name, kind, tuple(shape)) for name, kind, shape in form["outer"]]
    for kind_of_block in form["blocks"]:
        tensors += [
            Tensor(f"blk.{number}.{name}", kind, tuple(shape))
            for number in kind_of_block["numbers"]
            for name, kind, shape in kind_of_block["tensors"]
        ]
    blueprint = pack(form["architecture"], form["hyperparameters"], tensors)
    assert blueprint is not None
    return blueprint


def _form(blueprint: Blueprint) -> dict[str, Any]:
    layout = open_blueprint(blueprint)
    blocks: dict[str, list[int]] = {}
    for number, tensors in layout.blocks.items():
        key = json.dumps([[tensor.name, tensor.type, tensor.shape] for tensor in tensors.values()])
        blocks.setdefault(key, []).append(number)
    return {
        "architecture": layout.architecture,
        "hyperparameters": layout.hyperparameters,
        "outer": [[tensor.name, tensor.type, tensor.shape] for tensor in layout.outer.values()],
        "blocks": [{"numbers": numbers, "tensors": json.loads(key)} for key, numbers in blocks.items()],
    }

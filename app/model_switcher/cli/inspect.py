"""`model-switcher inspect FILE`: what one GGUF file says about itself, and what it takes."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import TYPE_CHECKING

from model_switcher.cli.inspect_memory import memory_rows, print_rows, row_form
from model_switcher.cli.tables import print_table
from model_switcher.domain.catalog import Model
from model_switcher.domain.errors import UnusableModel
from model_switcher.domain.units import format_size
from model_switcher.domain.wire import encode, facts
from model_switcher.engine.catalog import scan_file
from model_switcher.engine.gguf import Header, HeaderError, read_header

if TYPE_CHECKING:
    import argparse

MILLION, BILLION = 10**6, 10**9


async def inspect(options: argparse.Namespace) -> int:
    """`inspect`: facts of the header and the memory that it takes, without an instance and without loading anything.

    Raises:
        UnusableModel: The file cannot be served; the sentence says why.
    """
    model, header = await asyncio.to_thread(_look, options.file)
    rows = await memory_rows(model, options)
    if options.json:
        known = {**facts(model), "tensors": _tensors(header)}
        print(encode({"model": known, "memory": [row_form(row, model) for row in rows]}).decode())
    else:
        _print(model, header)
        print_rows(model, rows)
    return 0


def _look(path: str) -> tuple[Model, Header]:
    found = scan_file(path)
    if not isinstance(found, Model):
        raise UnusableModel.because(found.code, f"{path}: {found.reason}")
    try:
        return found, read_header(found.path)
    except (HeaderError, OSError) as error:
        raise UnusableModel.because("model-unreadable", f"{path}: {error}") from error


def _tensors(header: Header) -> dict[str, int]:
    """How many tensors there are of each type."""
    return dict(Counter(tensor.type_name or f"type {tensor.type}" for tensor in header.tensors).most_common())


def _print(model: Model, header: Header) -> None:
    rows = [
        ("Name", model.name),
        ("Id", model.id),
        ("Kind", f"{model.kind} model"),
        ("Architecture", model.architecture),
        ("Size", format_size(model.size) + (f" in {len(model.files)} parts" if len(model.files) > 1 else "")),
        ("Quantization", model.quantization),
        ("Parameters", _count(model.parameters)),
        ("Active per token", _count(model.active_parameters) if _is_mixture(model) else None),
        ("Trained context", f"{model.context_length:,} tokens" if model.context_length else None),
        ("Layers", model.block_count),
        ("Attention heads", _heads(model)),
        ("Embedding width", model.embedding_length),
        ("Abilities", ", ".join(_abilities(model)) or "completion only"),
        ("Projector", model.projector),
        ("Made from", model.base_model),
        ("Licence", model.license),
        ("Languages", ", ".join(model.languages)),
        ("Tensors", ", ".join(f"{count} {name}" for name, count in _tensors(header).items())),
        ("Header", f"GGUF version {header.version}, {len(header.metadata)} keys"),
        *(("File" if number == 0 else "", path) for number, path in enumerate(model.files)),
    ]
    print_table([(label, str(value)) for label, value in rows if value not in (None, "")])


def _abilities(model: Model) -> list[str]:
    named = {"chat": model.chat_template, "tool calls": model.tools, "vision": model.vision}
    return [name for name, able in named.items() if able]


def _is_mixture(model: Model) -> bool:
    return model.active_parameters != model.parameters


def _heads(model: Model) -> str | None:
    if model.head_count is None:
        return None
    return f"{model.head_count}" + (
        f", {model.head_count_kv} for keys and values" if model.head_count_kv else ""
    )


def _count(number: int | None) -> str | None:
    """Such as "8.03 billion"."""
    if number is None:
        return None
    if number >= BILLION:
        return f"{number / BILLION:.2f} billion"
    return f"{number / MILLION:.2f} million"

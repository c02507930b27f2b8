"""`model-switcher inspect FILE`: what one GGUF file says about itself, and what it takes."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import TYPE_CHECKING

from model_switcher.cli.inspect_memory import memory_rows, print_rows, room_sentence, row_form
from model_switcher.cli.tables import print_table
from model_switcher.domain.catalog import Model, Reject, Rejected
from model_switcher.domain.errors import UnusableModel
from model_switcher.domain.units import format_size
from model_switcher.domain.wire import encode, facts
from model_switcher.engine.catalog import scan_file
from model_switcher.engine.catalog.facts import facts_of
from model_switcher.engine.catalog.quantization import quantization
from model_switcher.engine.gguf import Header, HeaderError, read_header

if TYPE_CHECKING:
    import argparse

MILLION, BILLION = 10**6, 10**9
_LABELS = {
    "name": "Name",
    "role": "Kind",
    "architecture": "Architecture",
    "size": "Size",
    "quantization": "Quantization",
    "parameters": "Parameters",
    "embedding_length": "Embedding width",
    "base_model": "Made from",
    "license": "Licence",
    "tensors": "Tensors",
    "path": "File",
    "reason": "Not served",
}


async def inspect(options: argparse.Namespace) -> int:
    """`inspect`: facts of the header and the memory that it takes, without an instance and without loading anything.

    Of a file that is whole and no model (a projector, an adapter, an importance matrix) it tells what it is.

    Raises:
        UnusableModel: The file cannot be read; the sentence says why.
    """
    model, header = await asyncio.to_thread(_look, options.file)
    if isinstance(model, Rejected):
        _tell_of_other(model, header, as_json=options.json)
        return 0
    rows = await memory_rows(model, options)
    if options.json:
        known = {**facts(model), "tensors": _tensors(header)}
        print(encode({"model": known, "memory": [row_form(row, model) for row in rows]}).decode())
    else:
        _print(model, header)
        print_rows(model, rows, await room_sentence(model, options))
    return 0


def _look(path: str) -> tuple[Model | Rejected, Header]:
    found = scan_file(path)
    if isinstance(found, Rejected) and found.code != Reject.NOT_A_MODEL:
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
        ("Tensors", _tensor_text(header)),
        ("Header", f"GGUF version {header.version}, {len(header.metadata)} keys"),
        *(("File" if number == 0 else "", path) for number, path in enumerate(model.files)),
    ]
    print_table([(label, str(value)) for label, value in rows if value not in (None, "")])


def _tell_of_other(rejected: Rejected, header: Header, *, as_json: bool) -> None:
    """What a file is that is no model."""
    facts = facts_of(rejected.path, header)
    said = {
        "name": facts.name,
        "role": str(facts.role),
        "architecture": facts.architecture,
        "size": facts.size,
        "quantization": quantization(facts.weights, facts.file_type),
        "parameters": sum(facts.weights.all.values()) or None,
        "embedding_length": facts.projection_length or facts.embedding_length,
        "base_model": facts.base_model,
        "license": facts.license,
        "tensors": _tensors(header),
        "path": facts.path,
        "code": rejected.code,
        "reason": rejected.reason,
    }
    if as_json:
        print(encode({"model": None, "file": said, "memory": []}).decode())
        return
    texts = {
        **said,
        "size": format_size(facts.size),
        "parameters": _count(sum(facts.weights.all.values()) or None),
        "tensors": _tensor_text(header),
    }
    rows = [(_LABELS[key], str(texts[key])) for key in _LABELS if texts[key] not in (None, "")]
    print_table(rows)


def _tensor_text(header: Header) -> str:
    return ", ".join(f"{count} {name}" for name, count in _tensors(header).items())


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

"""The text for a bug report: versions on top, then the log, without secrets. Knows no Qt."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from model_switcher.desktop.language import gib
from model_switcher.desktop.view_state.log_lines import clock
from model_switcher.domain.launch import arguments
from model_switcher.domain.secrets import redacted, without_secrets

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from model_switcher.domain.catalog import Model
    from model_switcher.domain.launch import Option
    from model_switcher.domain.snapshot import ServerView, Snapshot
    from model_switcher.engine.log import LogLine

MOST_CHARACTERS = 55_000
"""Of the log: GitHub takes 65,536 in one issue."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """What a bug report tells of the machine and keeps to itself.

    Attributes:
        versions: Of the parts of this program, for people ("Python 3.11.2").
        system: The operating system.
        home: The user's home folder, which the report calls "~".
        secrets: What must not appear in it, wherever it stands.
    """

    versions: tuple[str, ...] = ()
    system: str = ""
    home: str = ""
    secrets: tuple[str, ...] = ()


def bug_report(
    snapshot: Snapshot,
    lines: Sequence[LogLine],
    machine: Machine,
    options: Mapping[str, Option],
) -> str:
    """What is pasted into a bug report, as Markdown: in English, since that is what it is read in.

    Args:
        snapshot: What is the case.
        lines: The log, oldest first; the last of them are taken as far as they fit.
        machine: Where it happened.
        options: The launch options of the selected model.
    """

    def clean(text: str) -> str:
        return redacted(text, known=machine.secrets, home=machine.home)

    facts = [f"- {name}: {clean(value)}" for name, value in _facts(snapshot, machine, options) if value]
    log = [clean(text) for text in _that_fit(lines)]
    left_out = f" (the last {len(log)} of {len(lines)} lines)" if len(log) < len(lines) else ""
    return "\n".join((*facts, "", f"Log of the engine{left_out}:", "", "```", *log, "```", ""))


def copied_lines(lines: Iterable[LogLine], machine: Machine) -> str:
    """Single lines as they are copied: as the engine wrote them, without secrets."""
    return "\n".join(
        redacted(f"{clock(line.time)} {line.text}", known=machine.secrets, home=machine.home)
        for line in lines
    )


def _facts(snapshot: Snapshot, machine: Machine, options: Mapping[str, Option]) -> Iterable[tuple[str, str]]:
    yield "Model Switcher", " · ".join((snapshot.version, *machine.versions))
    yield "System", machine.system
    yield "Engine", ", ".join(dict.fromkeys(server.engine for server in snapshot.servers))
    yield "Memory", _memory(snapshot)
    yield "Selected", _model(snapshot.selected_model)
    yield "Options", " ".join(without_secrets(arguments(options)))
    yield "Running", "; ".join(_server(server) for server in snapshot.servers) or "nothing"
    failure = snapshot.failure or (snapshot.outcome.failure if snapshot.outcome else None)
    if failure is not None:
        ended = failure.signal or ("" if failure.exit_code is None else f"exit code {failure.exit_code}")
        yield "Failure", f"{failure.cause}: {failure.sentence}" + (f" ({ended})" if ended else "")


def _memory(snapshot: Snapshot) -> str:
    readings = snapshot.readings
    if readings is None:
        return ""
    parts = [
        f"{gpu.name} ({gpu.source}): {gib(gpu.used)} of {gib(gpu.total)} GiB in use" for gpu in readings.gpus
    ]
    parts += [readings.gpu_problem] if readings.gpu_problem else []
    if readings.ram is not None:
        parts.append(f"main memory: {gib(readings.ram.used)} of {gib(readings.ram.total)} GiB in use")
    return "; ".join(parts)


def _model(model: Model | None) -> str:
    if model is None:
        return "nothing"
    facts = (model.quantization, model.architecture, f"{gib(model.size)} GiB")
    return f"{model.name} ({', '.join(fact for fact in facts if fact)})"


def _server(server: ServerView) -> str:
    context = f", context {server.ctx_size}" if server.ctx_size is not None else ""
    return f"{server.model} {server.state}{context}"


def _that_fit(lines: Sequence[LogLine]) -> list[str]:
    """The last lines, each with its time, as far as they fit."""
    room, kept = MOST_CHARACTERS, []
    several = len({line.model for line in lines}) > 1
    for line in reversed(lines):
        text = f"{clock(line.time)} {f'[{line.model}] ' if several else ''}{line.text}"
        room -= len(text) + 1
        if room < 0:
            break
        kept.append(text)
    return kept[::-1]

"""The sentences of the tray, made from a snapshot. Knows no Qt."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

from model_switcher.desktop.language import gib, number, percent, size_text, tr
from model_switcher.domain.paths import base_name
from model_switcher.domain.snapshot import Phase
from model_switcher.domain.states import COMING_UP, ENDED, ServerState

if TYPE_CHECKING:
    from collections.abc import Iterable

    from model_switcher.domain.catalog import Model
    from model_switcher.domain.memory import Gauge
    from model_switcher.domain.snapshot import ServerView, Snapshot

APP_NAME = "Model Switcher"
TOOLTIP_LENGTH = 119
"""Windows cuts tooltips of the tray near 128 characters."""
HEADER_LENGTH = 72
NAME_LENGTH = 48
MOST_LINES = 4
"""Of one message in the menu."""
SHORTEST_NOTICE = 24
REASON_LENGTH = 128
BAR_CELLS = 9

# Where the stores keep their files; a part of the path, with forward slashes and in lower case.
_STORES = (
    ("/hub/models--", "Hugging Face cache"),
    ("/.lmstudio/models/", "LM Studio"),
    ("/lm-studio/models/", "LM Studio"),
    ("/.ollama/models/", "Ollama"),
    ("/ollama/models/", "Ollama"),
    ("/nomic.ai/gpt4all/", "GPT4All"),
    ("/jan/data/", "Jan"),
    ("/jan/models/", "Jan"),
    ("/llama.cpp/", "llama.cpp cache"),
)


def elide(text: str, length: int) -> str:
    """`text`, with an ellipsis for its end where it is longer than `length` characters."""
    return text if len(text) <= length else text[: length - 1].rstrip() + "…"


def name_of(snapshot: Snapshot, model_id: str | None) -> str:
    """The name of a model for people; its id where the catalog does not know it."""
    if model_id is None:
        return tr("no model")
    model = snapshot.catalog.get(model_id)
    return elide(model.name if model is not None else model_id, NAME_LENGTH)


def place_of(model: Model) -> str:
    """Where a model lies, for people: the store it belongs to, else its folder."""
    path = model.path.replace("\\", "/").casefold()
    store = next((name for part, name in _STORES if part in path), None)
    if store is not None:
        return store
    folder = model.folder
    return folder if len(folder) <= HEADER_LENGTH else "…" + folder[-HEADER_LENGTH + 1 :]


def progress_of(snapshot: Snapshot) -> float | None:
    """Part loaded of what comes up, 0.0–1.0; None if unknown or nothing does."""
    progress = snapshot.switch.progress if snapshot.switch is not None else None
    if progress is None:
        coming = coming_up(snapshot)
        progress = None if coming is None else coming.progress
    return progress


def coming_up(snapshot: Snapshot) -> ServerView | None:
    """The server that starts or loads."""
    return next((server for server in snapshot.servers if server.state in COMING_UP), None)


def alive(snapshot: Snapshot) -> list[ServerView]:
    """The servers that have not ended, the served one first."""
    return [server for server in snapshot.servers if server.state not in ENDED]


def serving(snapshot: Snapshot) -> ServerView | None:
    """The server that answers requests which name no model: the selected one, else the first that is ready."""
    ready = [server for server in snapshot.servers if server.state is ServerState.READY]
    return next((server for server in ready if server.model == snapshot.selected), next(iter(ready), None))


def starts_again(snapshot: Snapshot) -> bool:
    """Whether the chosen model crashed and waits for its next start."""
    wanted = snapshot.awake and not snapshot.paused and snapshot.selected is not None
    return wanted and not alive(snapshot) and snapshot.switch is None and snapshot.failure is None


def headline(snapshot: Snapshot) -> str:
    """What the server does, in one line."""
    return elide(_under_way(snapshot) or _settled(snapshot), HEADER_LENGTH)


def gauge_line(memory: Gauge) -> str:
    """Memory in use with a bar: "VRAM 10.4 of 16.0 GiB  ▰▰▰▰▰▰▱▱▱"."""
    level = memory.level
    if level is None:
        return _figures(memory)
    filled = round(level * BAR_CELLS)
    return f"{_figures(memory)}  {'▰' * filled}{'▱' * (BAR_CELLS - filled)}"


def tooltip(header: str, memory: Gauge, notice: str | None = None) -> str:
    """`header`, the memory in use and, where there is room, the notice: one line that every tray shows whole."""
    figures = _figures(memory)
    line = f"{elide(header, TOOLTIP_LENGTH - len(figures) - 3)} · {figures}"
    room = TOOLTIP_LENGTH - len(line) - 3
    return f"{line} · {elide(notice, room)}" if notice and room >= SHORTEST_NOTICE else line


def messages(snapshot: Snapshot) -> tuple[str, ...]:
    """What is wrong, as lines for the menu: of the instance, and of what was chosen last."""
    texts = [
        snapshot.notice or "",
        snapshot.settings_notice or "",
        snapshot.memory_notice or "",
        snapshot.file_notice or "",
        "" if snapshot.switch is not None else _what_failed(snapshot),
    ]
    return tuple(
        line
        for text in texts
        for line in textwrap.wrap(
            text, HEADER_LENGTH, max_lines=MOST_LINES, placeholder=" …", break_on_hyphens=False
        )
    )


def rejected_lines(snapshot: Snapshot) -> tuple[str, ...]:
    """The files that cannot be served, each with its reason."""
    return tuple(
        elide(f"{base_name(one.path)}: {one.reason}", REASON_LENGTH) for one in snapshot.catalog.rejected
    )


def with_full_stops(*sentences: str) -> str:
    """Sentences in one line, with a full stop each, whether or not they came with one."""
    return " ".join(one if one.endswith((".", "!", "?", "…")) else f"{one}." for one in sentences if one)


def waiting(held: int) -> str:
    """How many requests wait; empty for none."""
    return tr("%n request(s) waiting", "", held) if held else ""


def unfinished(servers: Iterable[ServerView]) -> str:
    """How many answers are still being given."""
    count = sum(server.in_flight for server in servers)
    return tr("%n answer(s) to finish", "", max(1, count))


def nothing_served(reason: str) -> str:
    """That nothing is served, and why."""
    return tr("Nothing is served — {reason}").format(reason=reason)


def could_not_be_loaded(name: str) -> str:
    """That a model did not come up."""
    return tr("{model} could not be loaded").format(model=name)


def no_engine() -> str:
    """That no engine can be used."""
    return tr("No engine to run models with")


def no_models(snapshot: Snapshot) -> str:
    """Why the list is empty."""
    if snapshot.scan is not None:
        done, total = snapshot.scan.done, snapshot.scan.total
        return tr("Reading models: {done} of {total}").format(done=number(done), total=number(total))
    if snapshot.scanning:
        return tr("Looking for models…")
    return tr("No model that can be served") if snapshot.catalog.rejected else tr("No models found")


def _figures(memory: Gauge) -> str:
    label = memory.label[:1].upper() + memory.label[1:]
    if memory.used is None:
        return tr("{memory} unknown").format(memory=label)
    if not memory.total:
        return tr("{memory} {used} in use").format(memory=label, used=size_text(memory.used))
    return tr("{memory} {used} of {total} GiB").format(
        memory=label, used=gib(memory.used), total=gib(memory.total)
    )


def _under_way(snapshot: Snapshot) -> str | None:
    """The line while a switch or a load is under way."""
    coming = coming_up(snapshot)
    if snapshot.switch is None:
        return None if coming is None else _loading(snapshot, coming.model)
    target = snapshot.switch.target
    match snapshot.switch.phase:
        case Phase.PREFLIGHT:
            return tr("Checking {model}…").format(model=name_of(snapshot, target))
        case Phase.DRAIN:
            return _is_next(snapshot, target, unfinished(snapshot.servers))
        case Phase.STOP:
            return _is_next(snapshot, target, tr("freeing memory"))
        case _:
            # The fallback loads under the name of the model that failed: say what really comes up.
            return _loading(snapshot, target if coming is None else coming.model)


def _is_next(snapshot: Snapshot, model: str, what: str) -> str:
    return tr("{model} is next — {what}").format(model=name_of(snapshot, model), what=what)


def _loading(snapshot: Snapshot, model_id: str) -> str:
    progress = progress_of(snapshot)
    loading = tr("Loading {model}…").format(model=name_of(snapshot, model_id))
    line = loading if progress is None else f"{loading} {percent(progress)}"
    return f"{line} · {waiting(snapshot.held)}" if snapshot.held else line


def _settled(snapshot: Snapshot) -> str:
    """The line while nothing is under way."""
    living, ready = alive(snapshot), serving(snapshot)
    if ready is not None and ready.draining:
        return tr("{model} is stopping — {what}").format(
            model=name_of(snapshot, ready.model), what=unfinished(snapshot.servers)
        )
    if ready is not None:
        return tr("{model} — ready").format(model=name_of(snapshot, ready.model))
    if living:
        return tr("{model} — stopping").format(model=name_of(snapshot, living[0].model))
    return _without_server(snapshot)


def _without_server(snapshot: Snapshot) -> str:
    if snapshot.paused:
        return tr("Paused — the memory is free until you resume")
    if snapshot.failure is not None:
        return nothing_served(snapshot.failure.sentence)
    if snapshot.engine_trouble is not None:
        return no_engine()
    if snapshot.selected is None:
        return tr("Choose a model") if snapshot.catalog.models else no_models(snapshot)
    name = name_of(snapshot, snapshot.selected)
    if starts_again(snapshot):
        return tr("{model} stopped unexpectedly — starting it again").format(model=name)
    return tr("{model} — stopped until the next request").format(model=name)


def _what_failed(snapshot: Snapshot) -> str:
    """Why nothing is served, else why the last choice is not."""
    failure = snapshot.failure
    if failure is not None:
        told = len(nothing_served(failure.sentence)) <= HEADER_LENGTH  # in the headline
        return with_full_stops("" if told else failure.sentence, failure.hint)
    outcome = snapshot.outcome
    if outcome is None or outcome.failure is None:
        return ""
    name = name_of(snapshot, outcome.target)
    return with_full_stops(f"{could_not_be_loaded(name)}: {outcome.failure.sentence}", outcome.failure.hint)

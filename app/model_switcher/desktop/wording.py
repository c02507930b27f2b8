"""The sentences of the tray, made from a snapshot. Knows no Qt."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

from model_switcher.domain.snapshot import Phase
from model_switcher.domain.states import COMING_UP, ENDED, ServerState
from model_switcher.domain.units import format_gib, format_size

if TYPE_CHECKING:
    from model_switcher.domain.catalog import Model
    from model_switcher.domain.memory import Gauge
    from model_switcher.domain.snapshot import ServerView, Snapshot

APP_NAME = "Model Switcher"
TOOLTIP_LENGTH = 119
"""Windows cuts tooltips of the tray near 128 characters."""
HEADER_LENGTH = 72
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

_NOTHING = "Nothing is served — "


def elide(text: str, length: int) -> str:
    """`text`, with an ellipsis for its end where it is longer than `length` characters."""
    return text if len(text) <= length else text[: length - 1].rstrip() + "…"


def name_of(snapshot: Snapshot, model_id: str | None) -> str:
    """The name of a model for people; its id where the catalog does not know it."""
    if model_id is None:
        return "no model"
    model = snapshot.catalog.get(model_id)
    return elide(model.name if model is not None else model_id, 48)


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
        coming = (server for server in snapshot.servers if server.state in COMING_UP)
        progress = next((server.progress for server in coming), None)
    return progress


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
        elide(f"{_file_name(one.path)}: {one.reason}", REASON_LENGTH) for one in snapshot.catalog.rejected
    )


def _file_name(path: str) -> str:
    """The last part of a path of any system."""
    return path.replace("\\", "/").rpartition("/")[2]


def starts_again(snapshot: Snapshot) -> bool:
    """Whether the chosen model crashed and waits for its next start."""
    alive = any(server.state not in ENDED for server in snapshot.servers)
    wanted = snapshot.awake and not snapshot.paused and snapshot.selected is not None
    return wanted and not alive and snapshot.switch is None and snapshot.failure is None


def with_full_stops(*sentences: str) -> str:
    """Sentences in one line, with a full stop each, whether or not they came with one."""
    return " ".join(one if one.endswith((".", "!", "?", "…")) else f"{one}." for one in sentences if one)


def _figures(memory: Gauge) -> str:
    label = memory.label[:1].upper() + memory.label[1:]
    if memory.used is None:
        return f"{label} unknown"
    if not memory.total:
        return f"{label} {format_size(memory.used)} in use"
    return f"{label} {format_gib(memory.used)} of {format_gib(memory.total)} GiB"


def _under_way(snapshot: Snapshot) -> str | None:
    """The line while a switch or a load is under way."""
    coming = next((server for server in snapshot.servers if server.state in COMING_UP), None)
    if snapshot.switch is None:
        return None if coming is None else _loading(snapshot, coming.model)
    target = snapshot.switch.target
    match snapshot.switch.phase:
        case Phase.PREFLIGHT:
            return f"Checking {name_of(snapshot, target)}…"
        case Phase.DRAIN:
            return f"{name_of(snapshot, target)} is next — {_unfinished(snapshot.servers)}"
        case Phase.STOP:
            return f"{name_of(snapshot, target)} is next — freeing memory"
        case _:
            # The fallback loads under the name of the model that failed: say what really comes up.
            return _loading(snapshot, target if coming is None else coming.model)


def _loading(snapshot: Snapshot, model_id: str) -> str:
    progress = progress_of(snapshot)
    percent = "" if progress is None else f" {progress * 100:.0f} %"
    return f"Loading {name_of(snapshot, model_id)}…{percent}{_waiting(snapshot.held)}"


def _waiting(held: int) -> str:
    if not held:
        return ""
    return " · 1 request waiting" if held == 1 else f" · {held} requests waiting"


def _unfinished(servers: tuple[ServerView, ...]) -> str:
    count = sum(server.in_flight for server in servers)
    return f"{count} answers to finish" if count > 1 else "one answer to finish"


def _settled(snapshot: Snapshot) -> str:
    """The line while nothing is under way."""
    alive = [server for server in snapshot.servers if server.state not in ENDED]
    ready = next((server for server in alive if server.state is ServerState.READY), None)
    if ready is not None and ready.draining:
        return f"{name_of(snapshot, ready.model)} is stopping — {_unfinished(snapshot.servers)}"
    if ready is not None:
        return f"{name_of(snapshot, ready.model)} — ready"
    if alive:
        return f"{name_of(snapshot, alive[0].model)} — stopping"
    return _without_server(snapshot)


def _without_server(snapshot: Snapshot) -> str:
    if snapshot.paused:
        return "Paused — the memory is free until you resume"
    if snapshot.failure is not None:
        return f"{_NOTHING}{snapshot.failure.sentence}"
    if snapshot.selected is None:
        return _without_choice(snapshot)
    name = name_of(snapshot, snapshot.selected)
    if starts_again(snapshot):
        return f"{name} stopped unexpectedly — starting it again"
    return f"{name} — stopped until the next request"


def _what_failed(snapshot: Snapshot) -> str:
    """Why nothing is served, else why the last choice is not."""
    failure = snapshot.failure
    if failure is not None:
        told = len(_NOTHING) + len(failure.sentence) <= HEADER_LENGTH  # in the headline
        return with_full_stops("" if told else failure.sentence, failure.hint)
    outcome = snapshot.outcome
    if outcome is None or outcome.failure is None:
        return ""
    name = name_of(snapshot, outcome.target)
    return with_full_stops(f"{name} could not be loaded: {outcome.failure.sentence}", outcome.failure.hint)


def _without_choice(snapshot: Snapshot) -> str:
    if snapshot.catalog.models:
        return "Choose a model"
    return no_models(snapshot)


def no_models(snapshot: Snapshot) -> str:
    """Why the list is empty."""
    if snapshot.scanning:
        return "Looking for models…"
    return "No model that can be served" if snapshot.catalog.rejected else "No models found"

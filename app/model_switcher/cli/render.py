"""What the command line prints."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from model_switcher.domain.memory import gauge
from model_switcher.domain.snapshot import Outcome, Result, ServerView, Snapshot
from model_switcher.domain.states import ServerState
from model_switcher.domain.units import format_gib, format_seconds, format_size
from model_switcher.domain.wire import encode, error_body, model_form
from model_switcher.engine.doctor import Level

if TYPE_CHECKING:
    from collections.abc import Sequence

    from model_switcher.client.switcher import Switcher
    from model_switcher.domain.catalog import Catalog, Model
    from model_switcher.domain.errors import SwitcherError
    from model_switcher.engine.doctor import Finding

BAR_CELLS = 24


def render_error(error: SwitcherError, *, as_json: bool) -> None:
    """An error: a sentence and a hint for people, or our JSON shape."""
    if as_json:
        print(encode(error_body(error)).decode())
        return
    print(f"{error.message}.", file=sys.stderr)
    if error.hint:
        print(error.hint, file=sys.stderr)


def catalog_form(catalog: Catalog, state: Snapshot | None) -> dict[str, Any]:
    """The catalog as `list --json` prints it; `fit` is null where nothing is known."""
    models = []
    for model in catalog.models:
        form = model_form(model)
        form["fit"] = "resident" if _server_of(model, state) else None
        models.append(form)
    return {"models": models, "rejected": catalog.rejected}


def print_catalog(catalog: Catalog, state: Snapshot | None) -> None:
    """A table of models, then the rejected files."""
    if not catalog.models:
        print(
            'No model was found. Name the folders of your GGUF files in the settings: model-folders = ["…"]'
        )
    else:
        rows = [("", "ID", "QUANT", "SIZE", "CONTEXT", "STATE", "FOLDER")]
        for model in catalog.models:
            server = _server_of(model, state)
            rows.append(
                (
                    "*" if state is not None and state.selected == model.id else "",
                    model.id,
                    model.quantization or "?",
                    format_size(model.size),
                    str(model.context_length or "?"),
                    server.state if server else "",
                    model.folder,
                )
            )
        print_table(rows)
    if catalog.rejected:
        print(f"\nCannot be served ({len(catalog.rejected)}):")
        for rejected in catalog.rejected:
            print(f"  {rejected.path}\n      {rejected.reason}")


def print_table(rows: Sequence[Sequence[str]]) -> None:
    """Columns as wide as they need to be."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def print_outcome(outcome: Outcome) -> None:
    """How a switch ended well."""
    if outcome.result is Result.ALREADY:
        print(f"{outcome.target} is served already.")
    else:
        print(f"{outcome.target} is ready after {format_seconds(outcome.seconds)}.")


def print_state(snapshot: Snapshot, catalog: Catalog) -> None:
    """The state as a few lines."""
    selected = catalog.get(snapshot.selected)
    print(f"Address   {snapshot.address}/v1")
    print(f"Selected  {selected.name if selected else snapshot.selected or 'nothing'}")
    for server in snapshot.servers:
        print(f"Server    {server_line(server)}")
    if not snapshot.servers:
        why = "paused until `model-switcher resume`" if snapshot.paused else "nothing is loaded"
        print(f"Server    {snapshot.failure.sentence if snapshot.failure else why}")
    print(f"Memory    {memory_line(snapshot)}")
    print(
        f"Requests  {sum(server.in_flight for server in snapshot.servers)} running, {snapshot.held} waiting"
    )
    print(f"Models    {len(catalog.models)}, and {len(catalog.rejected)} that cannot be served")
    for notice in filter(None, (snapshot.notice, snapshot.file_notice)):
        print(f"Notice    {notice}")


def state_line(snapshot: Snapshot) -> str:
    """The state as one line."""
    servers = ", ".join(server_line(server) for server in snapshot.servers) or "nothing is loaded"
    return f"{servers} · {memory_line(snapshot)} · {snapshot.held} waiting"


def server_line(server: ServerView) -> str:
    """One server: model, state, process."""
    state = str(server.state)
    if server.state is ServerState.LOADING and server.progress is not None:
        state += f" {server.progress:.0%}"
    elif server.load_seconds is not None:
        state += f" (loaded in {format_seconds(server.load_seconds)})"
    return f"{server.model} — {state}, process {server.pid or '?'}, {server.engine}"


def memory_line(snapshot: Snapshot) -> str:
    """The memory gauge as text."""
    figure = gauge(snapshot.readings)
    if figure.used is None:
        return f"{figure.label} unknown"
    return f"{figure.label} {format_gib(figure.used)} of {format_gib(figure.total)} GiB"


def print_findings(findings: Sequence[Finding]) -> None:
    """What the doctor found, by topic."""
    marks = {Level.OK: "ok ", Level.WARNING: " ! ", Level.PROBLEM: "XX "}
    topic = ""
    for finding in findings:
        if finding.topic != topic:
            topic = finding.topic
            print(f"{topic.capitalize()}")
        print(f"  {marks[finding.level]} {finding.sentence}.")
        if finding.hint:
            print(f"      {finding.hint}")


async def show_progress(switcher: Switcher) -> None:
    """A bar on the terminal's error stream while a switch is under way."""
    shown = False
    try:
        async for snapshot in switcher.events():
            if snapshot.switch is not None:
                part = snapshot.switch.progress
                bar = (
                    ""
                    if part is None
                    else "█" * round(part * BAR_CELLS) + "░" * round((1 - part) * BAR_CELLS)
                )
                print(
                    f"\r\033[K{snapshot.switch.phase} {snapshot.switch.target} {bar}", end="", file=sys.stderr
                )
                sys.stderr.flush()
                shown = True
    finally:
        if shown:
            print("\r\033[K", end="", file=sys.stderr, flush=True)


def _server_of(model: Model, state: Snapshot | None) -> ServerView | None:
    servers = state.servers if state is not None else ()
    return next((server for server in servers if server.model == model.id), None)

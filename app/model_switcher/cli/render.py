"""What the command line prints."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from model_switcher.cli.progress import reading
from model_switcher.cli.tables import print_needs, print_owners
from model_switcher.cli.terminal import shown
from model_switcher.domain.memory import gauge
from model_switcher.domain.snapshot import LeaseView, Outcome, Result, ServerView, Snapshot
from model_switcher.domain.states import ServerState
from model_switcher.domain.units import format_gib, format_seconds
from model_switcher.domain.wire import encode, error_body
from model_switcher.engine.doctor import Level

if TYPE_CHECKING:
    from collections.abc import Sequence

    from model_switcher.domain.catalog import Catalog
    from model_switcher.domain.errors import SwitcherError
    from model_switcher.engine.doctor import Finding


def render_error(error: SwitcherError, *, as_json: bool) -> None:
    """An error: a sentence and a hint for people, or our JSON shape."""
    if as_json:
        print(encode(error_body(error)).decode())
        return
    print(f"{shown(error.message)}.", file=sys.stderr)
    if error.hint:
        print(shown(error.hint), file=sys.stderr)


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
    for lease in snapshot.leases:
        print(f"Lease     {lease_line(lease, catalog)}")
    print(f"Memory    {memory_line(snapshot)}")
    print(f"Requests  {requests_line(snapshot)}")
    print(f"Models    {models_line(snapshot, catalog)}")
    _print_notices(snapshot)
    print_needs(snapshot)
    print_owners(snapshot.owners)


def _print_notices(snapshot: Snapshot) -> None:
    for notice in filter(None, (snapshot.notice, snapshot.settings_notice, snapshot.file_notice)):
        print(f"Notice    {notice}")
    if snapshot.outdated:
        print(f"Notice    Runs with older settings until it is loaded again: {', '.join(snapshot.outdated)}")


def models_line(snapshot: Snapshot, catalog: Catalog) -> str:
    """How many models there are, and whether their headers are still being read."""
    line = f"{len(catalog.models):,}, and {len(catalog.rejected):,} that cannot be served"
    return f"{line} ({reading(snapshot.scan)})" if snapshot.scan else line


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


def lease_line(lease: LeaseView, catalog: Catalog) -> str:
    """One lease: what is borrowed, by whom, and what comes back afterwards."""
    model, returns = catalog.get(lease.model), catalog.get(lease.returns_to)
    name = model.name if model else lease.model_name
    if not lease.granted:
        return f"{lease.owner} waits for {name}"
    after = f", {returns.name} returns after it" if returns and returns != model else ""
    return f"{name} is borrowed by {lease.owner}{after}"


def requests_line(snapshot: Snapshot) -> str:
    """How many requests run, and how many wait for which model."""
    waiting = ", ".join(f"{count} for {model}" for model, count in snapshot.held_by_model.items())
    return (
        f"{sum(server.in_flight for server in snapshot.servers)} running, "
        f"{snapshot.held} waiting{f' ({waiting})' if waiting else ''}"
    )


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
        print(f"  {marks[finding.level]} {shown(finding.sentence)}.")
        if finding.hint:
            print(f"      {finding.hint}")

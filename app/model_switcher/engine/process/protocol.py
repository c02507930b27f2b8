"""What a llama-server tells the process that started it.

With `LLAMA_SERVER_ROUTER_PORT` in its environment and a piped standard input, llama-server reports its state as
lines on standard output, and ends when its standard input does (llama.cpp, tools/server/server-models.cpp). Older
engines say nothing there; their log still names the port.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import msgspec

PREFIX = "cmd_child_to_router:state:"
_LISTENING = re.compile(r"listening on http://[^\s/]*:(\d+)|HTTP server is listening,.* port: (\d+)")


@dataclass(frozen=True, slots=True)
class Loading:
    """Part of the current stage that is loaded, 0.0–1.0."""

    progress: float | None


@dataclass(frozen=True, slots=True)
class ReportsReady:
    """It can answer. `aliases` are the names that it was given."""

    aliases: frozenset[str]


def parse_state(line: str) -> Loading | ReportsReady | None:
    """What a line of standard output says; None for any other line, however damaged."""
    if not line.startswith(PREFIX):
        return None
    try:
        report: dict[str, Any] = msgspec.json.decode(line[len(PREFIX) :])
        payload: dict[str, Any] = report.get("payload") or {}
        if report["state"] == "ready":
            return ReportsReady(frozenset(map(str, (payload.get("id"), *payload.get("aliases", ())))))
        if report["state"] == "loading":
            return Loading(_overall(payload))
    except (msgspec.DecodeError, KeyError, TypeError, AttributeError, ValueError):
        return None
    return None


def _overall(payload: dict[str, Any]) -> float | None:
    """Progress over all stages: each counts alike."""
    value = payload.get("value")
    if value is None:
        return None
    stages = list(payload.get("stages") or ())
    done = stages.index(payload["current"]) if payload.get("current") in stages else 0
    return min(1.0, max(0.0, (done + float(value)) / max(1, len(stages))))


def parse_port(line: str) -> int | None:
    """The port that a log line says the server listens on."""
    # Engines write a lot, and a search for a word is cheap.
    match = _LISTENING.search(line) if "listening" in line else None
    return int(match[1] or match[2]) if match else None

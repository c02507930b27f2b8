"""What the end of the program would cut short."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from model_switcher.desktop.language import tr

if TYPE_CHECKING:
    from model_switcher.domain.snapshot import Snapshot


@dataclass(frozen=True, slots=True)
class LeavingView:
    """The question whether to end now: what runs, and what happens to it."""

    title: str
    text: str


def leaving_view(snapshot: Snapshot) -> LeavingView | None:
    """The question; None where no request runs or waits, and there is nothing to ask."""
    running = sum(server.in_flight for server in snapshot.servers)
    waiting = snapshot.held
    if not running and not waiting:
        return None
    if running:
        title = tr("1 request is running") if running == 1 else tr("%n requests are running", "", running)
    else:
        title = tr("1 request is waiting") if waiting == 1 else tr("%n requests are waiting", "", waiting)
    return LeavingView(
        title, tr("Model Switcher ends when nothing runs and waits any more. Ending it now cuts them.")
    )

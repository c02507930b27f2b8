"""Who will be loaded next, so that its file can be read ahead."""

from __future__ import annotations

from typing import TYPE_CHECKING

from model_switcher.domain.states import COMING_UP
from model_switcher.engine.warm_up import WarmUp

if TYPE_CHECKING:
    from collections.abc import Callable

    from model_switcher.domain.settings import Settings
    from model_switcher.domain.snapshot import Snapshot
    from model_switcher.engine.hub import Hub


class Anticipation:
    """Reads ahead what a lease waits for, what sleeps selected, and what a view hints at. Lives on the runtime's loop.

    Args:
        hub: Tells what is waited for and what runs.
        enabled: The setting `[memory] warm-up`.
    """

    def __init__(self, hub: Hub, *, enabled: bool) -> None:
        self._hub = hub
        self._warm_up = WarmUp(
            enabled=enabled,
            pids=lambda: [server.pid for server in hub.snapshot.servers if server.pid is not None],
            on_change=lambda view: hub.update(warm_up=view),
        )
        self._foreseen: str | None = None
        self._unsubscribe: Callable[[], None] = lambda: None

    def start(self) -> None:
        """Begin to look ahead."""
        self._unsubscribe = self._hub.subscribe(self._look)

    def hint(self, model_id: str | None) -> None:
        """The user is about to choose this model, as far as a view can tell; None if no more."""
        model = self._hub.snapshot.catalog.get(model_id)
        if model is None or self._loads(self._hub.snapshot) or model.id in self._running(self._hub.snapshot):
            self._warm_up.cancel()
        else:
            self._warm_up.begin(model)

    def apply(self, settings: Settings) -> None:
        """Read ahead, or do not, from now on."""
        self._warm_up.enabled = settings.memory.warm_up
        if not settings.memory.warm_up:
            self._warm_up.cancel()

    def close(self) -> None:
        """Look ahead no more."""
        self._unsubscribe()
        self._warm_up.cancel()

    def _look(self, snapshot: Snapshot) -> None:
        if self._loads(snapshot):
            self._foreseen = None
            self._warm_up.cancel()
            return
        foreseen = self._next(snapshot)
        if foreseen != self._foreseen:
            self._foreseen = foreseen
            self.hint(foreseen)

    def _next(self, snapshot: Snapshot) -> str | None:
        """A model that a lease waits for, else the selected one while it is not loaded."""
        waiting = (lease.model for lease in snapshot.leases if not lease.granted)
        asleep = None if snapshot.paused else snapshot.selected
        return next(
            (model for model in (*waiting, asleep) if model and model not in self._running(snapshot)), None
        )

    @staticmethod
    def _loads(snapshot: Snapshot) -> bool:
        """Whether something loads, or is about to: then the disk has enough to do."""
        return snapshot.switch is not None or any(server.state in COMING_UP for server in snapshot.servers)

    @staticmethod
    def _running(snapshot: Snapshot) -> set[str]:
        return {server.model for server in snapshot.servers}

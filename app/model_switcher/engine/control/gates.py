"""What requests meet: a ready model, a reason to be refused, or a wait."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from model_switcher.domain.errors import NothingServed, SwitcherError

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Open:
    """Requests pass to this server."""

    model: str
    url: str
    key: str


def _nothing_selected() -> SwitcherError:
    return NothingServed("No model is selected", hint="`model-switcher switch MODEL` selects one.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Gates:
    """What requests meet, by model. Whatever is neither open nor refused waits.

    Attributes:
        selected: The model of requests that name none; None while there is no such model.
        open: Ready models that admit requests.
        refused: Why requests for a model cannot be served.
        everything: Why no request at all can be served; None if some can.
        unselected: Why requests that name no model cannot be served while none is selected.
        waiting: What a request that may not wait is told, by model; "No model is loaded" for others.
        standing: Whether the time of those that wait stands still, because a load or a lease makes progress.
        idle_matters: Whether somebody waits for a model to fall idle.
    """

    selected: str | None = None
    open: Mapping[str, Open] = field(default_factory=dict)
    refused: Mapping[str, SwitcherError] = field(default_factory=dict)
    everything: SwitcherError | None = None
    unselected: SwitcherError = field(default_factory=_nothing_selected)
    waiting: Mapping[str, str] = field(default_factory=dict)
    standing: bool = False
    idle_matters: bool = False

    def verdict(self, model: str | None) -> Open | SwitcherError | None:
        """What a request meets that names `model`, or none; None if it has to wait."""
        if self.everything is not None:
            return self.everything
        wanted = self.selected if model is None else model
        if wanted is None:
            return self.unselected
        return self.open.get(wanted) or self.refused.get(wanted)

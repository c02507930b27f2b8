"""Who holds the memory that counts: that of the GPUs, or main memory where there is none."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from model_switcher.desktop.language import tr
from model_switcher.domain.owners import RAM, OwnerKind, Split, split

if TYPE_CHECKING:
    from model_switcher.domain.snapshot import Snapshot


@dataclass(frozen=True, slots=True)
class Shares:
    """Every memory that counts by owner, in bytes; `label` says which kind of memory it is."""

    label: str
    splits: tuple[Split, ...] = ()

    @property
    def used(self) -> int:
        return sum(one.total - one.used_by(OwnerKind.FREE) for one in self.splits)

    def of(self, kind: OwnerKind) -> int:
        """What owners of that kind hold."""
        return sum(one.used_by(kind) for one in self.splits)

    def of_model(self, model: str) -> int:
        """What the server of that model holds."""
        return sum(
            owner.used
            for one in self.splits
            for owner in one.owners
            if owner.kind is OwnerKind.SERVER and owner.name == model
        )

    def need(self, snapshot: Snapshot, model: str) -> int | None:
        """What a model will hold, as predicted; None where nobody knows."""
        fit = snapshot.fits.get(model)
        return None if fit is None else fit.need


def shares(snapshot: Snapshot) -> Shares:
    """Who holds what at the moment of `snapshot`."""
    readings = snapshot.readings
    if readings is None:
        return Shares(tr("Memory"))
    cards = {gpu.key for gpu in readings.cards}
    found = snapshot.owners or split(readings, _servers(snapshot))
    if cards:
        return Shares(tr("VRAM"), tuple(one for one in found if one.device in cards))
    return Shares(tr("RAM"), tuple(one for one in found if one.device == RAM))


def _servers(snapshot: Snapshot) -> dict[int, str]:
    return {server.pid: server.model for server in snapshot.servers if server.pid is not None}


def room(snapshot: Snapshot) -> int | None:
    """Bytes that a model could have if everything of ours were unloaded; None where that is unknown."""
    known = shares(snapshot)
    if not known.splits:
        return None
    return known.of(OwnerKind.FREE) + known.of(OwnerKind.SERVER)

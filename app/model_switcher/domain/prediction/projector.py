"""What a projector (mmproj) takes: its weights, and room to work on one picture."""

from __future__ import annotations

from model_switcher.domain.need import Amount
from model_switcher.domain.prediction.blueprint import Blueprint, open_blueprint


def projector_amount(projector: Blueprint | int) -> Amount:
    """Bytes of a projector, by its blueprint, or at least by the bytes of its file."""
    if isinstance(projector, int):
        return Amount(weights=projector)
    layout = open_blueprint(projector)
    return Amount(weights=sum(tensor.size for tensor in layout.outer.values()))

"""What a projector (mmproj) takes: its weights, which are exact, and room to work on one picture, which is not.

Sources: llama.cpp b11434, tools/mtmd/clip.cpp: llama-server reserves room for a picture of a certain size when it
starts (`warmup`); a larger picture takes more later.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain

from model_switcher.domain.need import Amount
from model_switcher.domain.prediction.blueprint import Blueprint, Layout, open_blueprint
from model_switcher.domain.prediction.graph import F32, Place

# Tokens on each side of that picture; of kinds that are not here it has the size that its encoder was trained with.
_SIDES = {
    **dict.fromkeys(
        ("phi4", "pixtral", "lightonocr", "kimivl", "gemma4v", "gemma4uv", "minimax_m3", "youtuvl"), 16
    ),
    "paddleocr": 28,
    **dict.fromkeys(("hunyuanvl", "muse-glimmer"), 32),
    **dict.fromkeys(
        ("qwen2vl_merger", "qwen2.5vl_merger", "qwen3vl_merger", "ling3vl", "mimovl", "glm4v", "glm5v"), 46
    ),
    **dict.fromkeys(("dots_ocr", "exaone4_5"), 46),
}
# Patches on each side of a token, where the file does not say it.
_MERGED = {"pixtral": 1, "lightonocr": 1, "phi4": 1, "kimivl": 1, "gemma4v": 3, "dots_ocr": 1}
_USUALLY_MERGED = 2
_COLOURS = 3
# Seconds of sound become so many steps (`warmup_audio_size`, halved by the second convolution).
_STEPS_OF_SOUND = 1500
# Results as wide as the embeddings that are there while the network works; measured: 3 to 5.
_WIDE = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Projection:
    """What a projector takes.

    Attributes:
        amounts: In each place.
        doubt: Bytes by which that on the device may differ.
    """

    amounts: dict[Place, Amount]
    doubt: int


def projection(projector: Blueprint | int, *, on_device: bool) -> Projection:
    """What a projector takes, by its blueprint, or at least by the bytes of its file."""
    place = Place.DEVICE if on_device else Place.HOST
    if isinstance(projector, int):
        return Projection(amounts={place: Amount(weights=projector)}, doubt=0)
    layout = open_blueprint(projector)
    tensors = chain(layout.outer.values(), *(block.values() for block in layout.blocks.values()))
    worked = _work(layout, "vision") + _work(layout, "audio")
    amounts = {place: Amount(weights=sum(tensor.size for tensor in tensors), compute=worked)}
    if on_device:
        amounts[Place.HOST] = Amount(compute=_picture(layout) ** 2 * _COLOURS * F32)
    return Projection(amounts=amounts, doubt=worked // 2 if on_device else 0)


def projector_amount(projector: Blueprint | int) -> Amount:
    """What a projector takes where it lies."""
    return projection(projector, on_device=False).amounts[Place.HOST]


def _work(layout: Layout, sense: str) -> int:
    """Bytes of the results that are there at once while an encoder works."""
    width, network = (
        _number(layout, f"{sense}.embedding_length"),
        _number(layout, f"{sense}.feed_forward_length"),
    )
    if sense == "audio":
        return _STEPS_OF_SOUND * (network + _WIDE * width) * F32
    patch = _number(layout, "vision.patch_size")
    patches = (_picture(layout) // patch) ** 2 if patch else 0
    if "v.blk.0.ffn_gate.weight" in layout.outer:
        network *= 2
    # With windows each patch has a mask for each other one.
    masked = patches if _number(layout, "vision.n_wa_pattern") else 0
    return patches * (network + _WIDE * width + masked) * F32


def _picture(layout: Layout) -> int:
    """Pixels on each side of the picture that room is reserved for."""
    kind = layout.hyperparameters.get("vision.projector_type", layout.hyperparameters.get("projector_type"))
    side = _SIDES.get(kind) if isinstance(kind, str) else None
    if side is None or not isinstance(kind, str):
        return _number(layout, "vision.image_size")
    merged = _number(layout, "vision.spatial_merge_size") or _number(layout, "vision.projector.scale_factor")
    return side * (merged or _MERGED.get(kind, _USUALLY_MERGED)) * _number(layout, "vision.patch_size")


def _number(layout: Layout, key: str) -> int:
    """A whole number of the header that is not out of all proportion; else 0."""
    value = layout.hyperparameters.get(key)
    return value if isinstance(value, int) and 0 < value < 1 << 20 else 0

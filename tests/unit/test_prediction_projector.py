"""What a projector takes: its weights, and room for one picture."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from fakes.small_models import tensor
from model_switcher.domain.prediction.blueprint import pack
from model_switcher.domain.prediction.graph import Place
from model_switcher.domain.prediction.projector import projection, projector_amount
from model_switcher.domain.units import MIB

if TYPE_CHECKING:
    from model_switcher.domain.prediction.blueprint import Blueprint, Hyperparameter, Tensor

F32 = 4
GATE = tensor("v.blk.0.ffn_gate.weight", 1024, 4096)


def clip(kind: str, *more: Tensor, **hyperparameters: str | int) -> Blueprint:
    keys: dict[str, Hyperparameter] = {
        "projector_type": kind,
        "vision.embedding_length": 1152,
        "vision.feed_forward_length": 4304,
        "vision.image_size": 896,
        "vision.patch_size": 14,
    }
    keys |= {name.replace("__", "."): value for name, value in hyperparameters.items()}
    packed = pack("clip", keys, [tensor("v.patch_embd.weight", 14, 14, 3, 1152), *more])
    assert packed is not None
    return packed


def test_a_projector_needs_room_for_one_picture_of_the_size_that_it_was_trained_with() -> None:
    """As llama-server b10434 says of Gemma 3's: 139.25 MiB on the GPU, 9.19 MiB beside it."""
    projected = projection(clip("gemma3"), on_device=True)
    assert projected.amounts[Place.DEVICE].compute == int(139.25 * MIB)
    assert projected.amounts[Place.HOST].compute == 896 * 896 * 3 * F32
    assert projected.amounts[Place.DEVICE].weights == 14 * 14 * 3 * 1152 * 2


def test_projectors_for_pictures_of_any_size_begin_with_a_picture_of_some_tokens() -> None:
    """46 by 46 of 2 by 2 patches."""
    found = projection(clip("qwen2vl_merger"), on_device=True).amounts[Place.HOST].compute
    assert found == (46 * 2 * 14) ** 2 * 3 * F32
    merged = projection(clip("qwen2vl_merger", vision__spatial_merge_size=1), on_device=True)
    assert merged.amounts[Place.HOST].compute == (46 * 14) ** 2 * 3 * F32


def test_a_network_with_a_gate_is_twice_as_wide_while_it_works() -> None:
    gate = tensor("v.blk.0.ffn_gate.weight", 1152, 4304)
    plain, gated = (projection(clip("gemma3", *more), on_device=True) for more in ((), (gate,)))
    added = gated.amounts[Place.DEVICE].compute - plain.amounts[Place.DEVICE].compute
    assert added == 4096 * 4304 * F32


def test_windows_take_a_mask_of_all_patches() -> None:
    plain, windowed = (
        projection(clip("qwen2.5vl_merger", vision__n_wa_pattern=pattern), on_device=True)
        for pattern in (0, 8)
    )
    added = windowed.amounts[Place.DEVICE].compute - plain.amounts[Place.DEVICE].compute
    assert added == (46 * 2) ** 4 * F32


def test_a_projector_without_sizes_takes_its_weights() -> None:
    amount = projector_amount(clip("gemma3", vision__patch_size=0))
    assert amount.total == amount.weights > 0


@pytest.mark.parametrize(
    ("kind", "width", "network", "image", "patch", "merge", "gated", "windows", "measured"),
    [
        ("mlp", 1024, 4096, 336, 14, None, False, 0, 21.54),
        ("gemma3", 1152, 4304, 896, 14, None, False, 0, 139.25),
        ("qwen2vl_merger", 1280, 5120, 560, 14, None, False, 0, 267.08),
        ("qwen2.5vl_merger", 1280, 3420, 560, 14, None, True, 8, 622.14),
        ("pixtral", 1024, 4096, 1540, 14, 2, True, 0, 62.62),
        ("internvl", 1024, 4096, 448, 14, None, False, 0, 28.02),
        ("idefics3", 768, 3072, 512, 16, None, False, 0, 21.0),
    ],
)
def test_room_for_a_picture_is_as_llama_server_says_give_or_take_the_doubt(  # noqa: PLR0917
    kind: str,
    width: int,
    network: int,
    image: int,
    patch: int,
    merge: int | None,
    gated: bool,
    windows: int,
    measured: float,
) -> None:
    """Figures of llama-server b10434 for projectors of these sizes, in MiB."""
    sizes = {
        "vision__embedding_length": width,
        "vision__feed_forward_length": network,
        "vision__image_size": image,
        "vision__patch_size": patch,
        "vision__n_wa_pattern": windows,
    }
    if merge is not None:
        sizes["vision__spatial_merge_size"] = merge
    found = projection(clip(kind, *((GATE,) if gated else ()), **sizes), on_device=True)
    assert abs(found.amounts[Place.DEVICE].compute - measured * MIB) <= found.doubt

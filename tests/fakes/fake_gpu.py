"""A graphics card for real engines, and an NVIDIA driver that tells what they hold of it; neither needs hardware."""

from __future__ import annotations

import os
import shlex
from pathlib import Path

from fakes.engines import LLAMA_SERVER
from fakes.nvml import build_library, compile_library
from model_switcher.domain.engines import EngineBinary
from model_switcher.domain.units import GIB, MIB

NAME = "Fake RTX 16G"
TOTAL = 16 * GIB
RESERVED = 256 * MIB  # by the driver
DESKTOP = 512 * MIB

_SOURCE = Path(__file__).with_name("fake_gpu.c")


class FakeGpu:
    """Both libraries, compiled, and a script that runs llama-server on the card.

    Args:
        folder: Where all that is put; without a space in its path, where the preloaded library's name would end.
    """

    def __init__(self, folder: Path) -> None:
        self.libraries = folder / "libraries"
        self.libraries.mkdir()
        build_library(self.libraries)
        self._preload = compile_library(_SOURCE, folder / "fake_gpu.so")
        self.folder = folder

    def card(self, folder: Path, *, frozen: float = 0.0) -> Card:
        """A card of which nothing but the desktop's part is in use.

        Args:
            folder: An empty one.
            frozen: Seconds for which the driver's counter stays as it was after the end of an engine.
        """
        return Card(self, folder, frozen=frozen)

    @property
    def preload(self) -> Path:
        return self._preload


class Card:
    """One card: its driver's state, and what the engines on it hold."""

    def __init__(self, gpu: FakeGpu, folder: Path, *, frozen: float) -> None:
        self.gpu = gpu
        self.held = folder / "held"
        self.held.mkdir(parents=True)
        self.state = folder / "driver"
        self.script = folder / "llama-server"
        assignments = (
            f"LD_PRELOAD={gpu.preload}", f"FAKE_GPU_NAME={NAME}", f"FAKE_GPU_MIB={TOTAL // MIB}",
            f"FAKE_GPU_HELD={self.held}",
        )  # fmt: skip
        self.before = ("env", *assignments)
        engine = Path(LLAMA_SERVER.path)
        libraries = f"LD_LIBRARY_PATH={engine.parent}"
        command = shlex.join([*self.before, libraries, str(engine)])
        self.script.write_text(f'#!/bin/sh\nexec {command} "$@"\n', encoding="utf-8")
        self.script.chmod(0o755)
        self.tell(frozen=frozen)

    @property
    def engine(self) -> EngineBinary:
        """llama-server on this card."""
        return EngineBinary(kind="llama-server", command=(str(self.script),), source="settings")

    @property
    def environment(self) -> dict[str, str]:
        """What a program that reads the card needs in its environment."""
        return {**os.environ, "LD_LIBRARY_PATH": str(self.gpu.libraries), "SIMULATED_NVML": str(self.state)}

    def tell(self, *more: str, frozen: float = 0.0) -> None:
        """What the driver says from now on, in one step."""
        free = TOTAL - RESERVED - DESKTOP
        lines = (
            f"gpu {NAME}", "uuid GPU-f00d", f"memory {TOTAL} {RESERVED} {free} {DESKTOP}",
            f"graphics 1 {DESKTOP}", f"engines {self.held}", f"frozen {frozen}", *more,
        )  # fmt: skip
        fresh = self.state.with_name("driver.new")
        fresh.write_text("\n".join(lines) + "\n", encoding="utf-8")
        fresh.replace(self.state)

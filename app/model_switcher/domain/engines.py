"""Engine binaries: what they are and what they said about themselves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineBinary:
    """A program that speaks llama-server's flags.

    Attributes:
        kind: "llama-server", or "embedded" for the stand-in that comes with the program.
        command: What to run, before any option.
        source: Where it was found, for people ("settings", "PATH", "winget", "with this program").
    """

    kind: Literal["llama-server", "embedded"]
    command: tuple[str, ...]
    source: str

    @property
    def path(self) -> str:
        return self.command[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineFacts:
    """What an engine binary says about itself.

    Attributes:
        version: As it prints it, for people ("b10434", "xllamacpp 2026.10").
        devices: Names of the devices that it can use besides the processor ("Vulkan0: Fake RTX 16G").
        flags: Every long flag that it knows ("--ctx-size").
    """

    version: str
    devices: tuple[str, ...]
    flags: frozenset[str]

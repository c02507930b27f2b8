"""Engine binaries: what they are and what they said about themselves."""

from __future__ import annotations

from dataclasses import dataclass, field
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
        usage: Its `--help`.
    """

    version: str
    devices: tuple[str, ...]
    flags: frozenset[str]
    usage: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundEngine:
    """An engine as people choose it.

    Attributes:
        setting: What stands for it in the settings: its path, or "embedded".
        kind, source: As of an `EngineBinary`.
        chosen_by_auto: Whether the setting "auto" means it.
        version, devices: As of `EngineFacts`; none where it does not run.
        problem: Why it does not run; None if it does.
    """

    setting: str
    kind: str
    source: str
    chosen_by_auto: bool = False
    version: str = ""
    devices: tuple[str, ...] = ()
    problem: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Searched:
    """Where engines were looked for: what people call the place ("PATH", "winget"), and its folders."""

    source: str
    folders: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineTrouble:
    """No engine that the settings name can be used.

    Attributes:
        setting: `[server] engine` of the settings.
        reason: Why that one cannot be used, in a sentence.
        found: Every engine of this computer, those that could be used among them.
        searched: Where they were looked for.
    """

    setting: str
    reason: str
    found: tuple[FoundEngine, ...] = ()
    searched: tuple[Searched, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """What came of loading a model to try an engine.

    Attributes:
        model: Its name.
        engine: The engine with its version.
        seconds: From the start to ready.
        gpu: Bytes that its process held on all GPUs; None where no driver tells.
        ram: Bytes of main memory that were resident, mapped parts of the file among them; None where unknown.
    """

    model: str
    engine: str
    seconds: float
    gpu: int | None = None
    ram: int | None = None

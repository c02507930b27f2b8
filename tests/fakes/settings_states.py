"""Settings as a window may meet them, and a desk that answers at once."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, Any

from fakes.engines import LLAMA_SERVER
from fakes.panel_states import STATES
from model_switcher.desktop.view_state.settings import Sources
from model_switcher.desktop.view_state.settings.draft import document_of
from model_switcher.domain.engines import FoundEngine, Tried
from model_switcher.domain.errors import SettingsError
from model_switcher.domain.need import Amount, Fit, FitKind, Need, Source, Supposed
from model_switcher.domain.option_help import read_help
from model_switcher.domain.settings import Settings
from model_switcher.domain.settings_form import parse
from model_switcher.domain.settings_state import SettingsState
from model_switcher.domain.units import GIB
from model_switcher.engine.binaries.environment import child_environment

if TYPE_CHECKING:
    from collections.abc import Mapping

    from model_switcher.domain.launch import Option
    from model_switcher.domain.option_help import OptionHelp
    from model_switcher.domain.snapshot import Snapshot

DOCUMENT: dict[str, Any] = {
    "model-folders": ["D:/models", "~/models"],
    "default-model": "nemotron-nano-8b",
    "launch": {"ctx-size": 16384, "flash-attn": "on", "cache-type-k": "q8_0"},
    "models": {"phinance-3b": {"alias": ["finance"], "ctx-size": 8192}},
}
VULKAN, EMBEDDED = "D:/llama-vulkan/llama-server.exe", "embedded"
ENGINES = (
    FoundEngine(
        setting="C:/Program Files/llama.cpp/llama-server.exe",
        kind="llama-server",
        source="winget",
        chosen_by_auto=True,
        version="b10434",
        devices=("CUDA0: NVIDIA GeForce RTX 4080",),
    ),
    FoundEngine(
        setting=VULKAN,
        kind="llama-server",
        source="settings",
        version="b10434",
        devices=("Vulkan0: NVIDIA GeForce RTX 4080", "Vulkan1: Intel(R) UHD Graphics 770"),
    ),
    FoundEngine(setting=EMBEDDED, kind="embedded", source="with this program", version="xllamacpp 2026.10"),
    FoundEngine(
        setting="D:/old/llama-server.exe",
        kind="llama-server",
        source="settings",
        problem="D:/old/llama-server.exe cannot start: the library cudart64_12.dll is missing",
    ),
)
TRIED = Tried(model="Phinance 3B", engine="llama-server b10434", seconds=1.4, gpu=2 * GIB, ram=GIB // 2)


def settings(document: Mapping[str, Any] = DOCUMENT) -> Settings:
    found, problems = parse(document)
    assert not problems
    return found


def state(document: Mapping[str, Any] = DOCUMENT) -> SettingsState:
    found = settings(document)
    return SettingsState(file=found, in_force=found, path="C:/settings.toml")


@cache
def options() -> tuple[OptionHelp, ...]:
    """What the real llama-server says."""
    said = subprocess.run(
        [*LLAMA_SERVER.command, "--help"],
        capture_output=True,
        text=True,
        check=True,
        env=child_environment(LLAMA_SERVER, key=""),
    )
    return read_help(said.stdout)


def supposed(ctx_size: int = 8192, kind: FitKind = FitKind.BESIDE) -> Supposed:
    """Of a model whose cache takes 64 KiB a token."""
    device = Amount(weights=2 * GIB, cache=ctx_size * 64 * 1024, compute=GIB // 4)
    need = Need(
        device=device,
        host=Amount(weights=GIB // 4),
        source=Source.RULES,
        ctx_size=ctx_size,
        low=device.total,
        high=device.total,
    )
    return Supposed(need=need, fit=Fit(kind=kind, need=device.total))


def snapshot(name: str = "idle", **changes: Any) -> Snapshot:
    return replace(STATES[name](), **changes)


def sources(**changes: Any) -> Sources:
    first: dict[str, Any] = {
        "snapshot": snapshot(),
        "engines": ENGINES,
        "options": options(),
        "supposed": supposed(),
        "login": False,
    }
    return Sources(**{**first, **changes})


class Desk:
    """Carries out at once what is asked of it, as the real one does, without a file."""

    def __init__(self, document: Mapping[str, Any] = DOCUMENT) -> None:
        self.document = dict(document_of(settings(document)))
        self.changes: list[dict[tuple[str, ...], Any]] = []
        self.reloaded: list[str] = []
        self.supposed: list[dict[str, Option]] = []
        self.refuses: SettingsError | None = None
        self.problems: tuple[Any, ...] = ()

    async def state(self) -> SettingsState:
        return replace(state(self.document), problems=self.problems)

    async def change(self, changes: Mapping[tuple[str, ...], Any]) -> SettingsState:
        if self.refuses is not None:
            raise self.refuses
        self.changes.append(dict(changes))
        for key, value in changes.items():
            table: dict[str, Any] = self.document
            for part in key[:-1]:
                table = table.setdefault(part, {})
            table.pop(key[-1], None)
            if value is not None:
                table[key[-1]] = value
        return await self.state()

    async def reload(self, model: str) -> None:
        self.reloaded.append(model)

    async def engines(self) -> tuple[FoundEngine, ...]:
        return ENGINES

    async def options(self, engine: str) -> tuple[OptionHelp, ...]:  # noqa: ARG002
        return options()

    async def suppose(self, model: str, options: Mapping[str, Option], engine: str) -> Supposed:  # noqa: ARG002
        self.supposed.append(dict(options))
        return supposed(int(options.get("ctx-size", 4096)))

    async def try_engine(self, engine: str, model: str | None = None) -> Tried:  # noqa: ARG002
        return TRIED

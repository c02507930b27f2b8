"""The settings as frozen values; `settings_form` turns a parsed TOML document into them."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Literal

from model_switcher.domain.launch import Options, merge
from model_switcher.domain.units import MIB

STORES = (
    "huggingface",
    "llama.cpp",
    "lm-studio",
    "ollama",
    "jan",
    "gpt4all",
    "text-generation-webui",
    "koboldcpp",
)
NOTIFICATIONS = ("switched", "failed", "crashed", "rolled back", "borrowed", "spill", "low memory")


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerSettings:
    """The `[server]` table. Durations are seconds, sizes bytes."""

    host: str = "127.0.0.1"
    port: int = 8080
    api_keys: tuple[str, ...] = ()
    allowed_origins: tuple[str, ...] = ()
    engine: str = "auto"
    unknown_model: Literal["selected", "error"] = "selected"
    hold_timeout: float = 300.0
    hold_limit: int = 256
    hold_bytes: int = 256 * MIB
    drain_timeout: float = 60.0
    starvation_bound: float = 10.0
    return_after: float = 60.0
    lease_limit: float = 1800.0


@dataclass(frozen=True, slots=True, kw_only=True)
class MemorySettings:
    """The `[memory]` table."""

    keep_resident: Literal["while it fits", "one at a time"] = "while it fits"
    margin: int = 768 * MIB
    unload_after_idle: float = math.inf
    warm_up: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class DesktopSettings:
    """The `[desktop]` table."""

    start_at_login: bool = False
    notifications: tuple[str, ...] = ("failed", "crashed", "rolled back", "spill", "low memory")
    theme: Literal["system", "light", "dark"] = "system"


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelSettings:
    """One `[models."name"]` table. `launch` holds every further key: a launch option of this model."""

    alias: tuple[str, ...] = ()
    pinned: bool = False
    engine: str | None = None
    port: int | None = None
    launch: Options = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """All settings, with the defaults of a machine that has none."""

    model_folders: tuple[str, ...] = ()
    stores: tuple[str, ...] = STORES
    default_model: str | None = None
    start_server: Literal["at start", "on first request"] = "at start"
    server: ServerSettings = field(default_factory=ServerSettings)
    memory: MemorySettings = field(default_factory=MemorySettings)
    desktop: DesktopSettings = field(default_factory=DesktopSettings)
    launch: Options = field(default_factory=dict)
    models: dict[str, ModelSettings] = field(default_factory=dict)

    def launch_options(self, names: tuple[str, ...]) -> Options:
        """The options of one model: the global ones, overridden by every `[models]` table that bears one of `names`."""
        return merge(self.launch, *(model.launch for model in self._tables(names)))

    def engine_for(self, names: tuple[str, ...]) -> str:
        """The engine that one model wants: its own, else the global one ("auto", "embedded" or a path)."""
        own = [model.engine for model in self._tables(names) if model.engine]
        return own[-1] if own else self.server.engine

    def is_pinned(self, names: tuple[str, ...]) -> bool:
        """Whether a model is never unloaded to make room."""
        return any(model.pinned for model in self._tables(names))

    def _tables(self, names: tuple[str, ...]) -> list[ModelSettings]:
        wanted = {name.casefold() for name in names}
        return [model for name, model in self.models.items() if name.casefold() in wanted]


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong in a settings file: where (a dotted key), what, and the nearest valid name if there is one."""

    key: str
    message: str

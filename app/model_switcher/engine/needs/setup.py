"""How a model would be started, as far as its memory depends on it: the engine, its GPUs, the options."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from model_switcher.domain.errors import SwitcherError
from model_switcher.domain.lowering import Lowering, lowering
from model_switcher.domain.prediction.load import LoadOptions, load_options
from model_switcher.engine.background import in_background
from model_switcher.engine.binaries.find import choose_engine
from model_switcher.engine.needs.oracle import can_be_asked
from model_switcher.engine.needs.store import Key

if TYPE_CHECKING:
    from collections.abc import Mapping

    from model_switcher.domain.catalog import Model
    from model_switcher.domain.engines import EngineBinary, EngineFacts
    from model_switcher.domain.launch import Option
    from model_switcher.engine.binaries.probe import EngineProber

LOOK_AGAIN_SECONDS = 60.0

# A need says itself for which context and layers it is; `--fit` chooses among those.
_IN_THE_NEED = frozenset({"ctx-size", "n-gpu-layers", "gpu-layers", "fit", "fit-target", "fit-ctx"})
# Options that change nothing about memory, by the beginning of their names. Any other may.
_HARMLESS = (
    *("log-", "verb", "threads", "cpu-mask", "cpu-range", "cpu-strict", "prio", "poll", "numa"),
    *("temp", "top-", "min-p", "typical", "xtc-", "dry-", "mirostat", "dynatemp", "adaptive-", "samplers", "seed"),
    *("sampler-", "repeat-", "presence-", "frequency-", "logit-bias", "ignore-eos", "grammar", "json-schema"),
    *("n-predict", "predict", "keep", "chat-template", "jinja", "reasoning", "think", "skip-chat", "prefill"),
    *("metrics", "slots", "slot-", "props", "webui", "ui", "timeout", "sse-", "cors", "path", "static", "media-path"),
    *("tools", "warmup", "check-tensors", "offline", "tags", "cache-prompt", "cache-reuse", "special", "escape"),
    *("sleep-idle",),
)  # fmt: skip
_NO_GPU = ("BLAS", "CPU", "ACCEL")


@dataclass(frozen=True, slots=True, kw_only=True)
class Engine:
    """An engine binary and what it said about itself."""

    binary: EngineBinary
    facts: EngineFacts

    @property
    def version(self) -> str:
        return f"{self.binary.kind} {self.facts.version}"

    @property
    def gpus(self) -> tuple[str, ...]:
        """What it works on besides the processor."""
        return tuple(device for device in self.facts.devices if not device.startswith(_NO_GPU))


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """How a model would be started.

    Attributes:
        engine: None if there is none.
        options: Its launch options.
        load: What they mean for its memory.
        allowed: What of that llama-server may lower.
        gpus: Names of the GPUs that are used.
        key: What a need of it belongs to, its files excepted.
        draft: Path of its draft model.
    """

    engine: Engine | None
    options: Mapping[str, Option]
    load: LoadOptions
    allowed: Lowering | None
    gpus: tuple[str, ...]
    key: Key
    draft: str | None = None

    @property
    def layers(self) -> int | None:
        """Layers on the GPU; None for all."""
        return self.load.n_gpu_layers if self.gpus else 0

    @property
    def can_be_asked(self) -> bool:
        """Whether its engine says what a model would take."""
        return self.engine is not None and can_be_asked(self.engine.binary, self.engine.facts.flags)


def setup(
    model: Model, engine: Engine | None, options: Mapping[str, Option], *, gpus: tuple[str, ...] = ()
) -> Setup:
    """How `model` would be started.

    Args:
        model: What is started.
        engine: With what.
        options: With which launch options.
        gpus: Those of the machine, where there is no engine to name them.
    """
    used = engine.gpus if engine is not None else gpus
    if str(options.get("device", "")).strip().lower() == "none":
        used = ()
    load = load_options(options)
    if load.n_gpu_layers is not None and model.block_count and load.n_gpu_layers > model.block_count:
        load = replace(load, n_gpu_layers=None)
    draft = options.get("model-draft", options.get("spec-draft-model"))
    return Setup(
        engine=engine,
        options=options,
        load=load,
        allowed=lowering(options),
        gpus=used,
        key=Key(
            files="",
            options=_that_matter(options),
            engine=engine.version if engine else "",
            gpus=", ".join(used),
        ),
        draft=str(draft) if draft is not None else None,
    )


class Engines:
    """The engine that each setting means. Lives on the runtime's loop.

    Args:
        prober: Asks engines what they are.
        again: Seconds after which `changed` looks again.
    """

    def __init__(self, prober: EngineProber, *, again: float = LOOK_AGAIN_SECONDS) -> None:
        self._prober = prober
        self._again = again
        self._found: dict[str, Engine | None] = {}
        self._looked = time.monotonic()

    async def find(self, setting: str) -> Engine | None:
        """The engine of a setting ("auto", "embedded", a path); None if there is none that runs."""
        if setting not in self._found:
            self._found[setting] = await self._look(setting)
        return self._found[setting]

    async def changed(self) -> bool:
        """Whether a setting means another engine by now: one was installed, updated or removed."""
        if time.monotonic() - self._looked < self._again:
            return False
        found = {setting: await self._look(setting) for setting in self._found}
        before, self._found, self._looked = self._found, found, time.monotonic()
        return found != before

    async def _look(self, setting: str) -> Engine | None:
        try:
            binary = await in_background(choose_engine, setting)
            return Engine(binary=binary, facts=await self._prober.facts(binary))
        except (SwitcherError, OSError):
            return None


def files_of(model: Model) -> str:
    """Paths, sizes and times of change of a model's files, its projector among them, as a text. Blocks."""
    stamps: list[tuple[str, int, int]] = []
    for path in (*model.files, *filter(None, [model.projector])):
        try:
            status = Path(path).stat()
        except OSError:
            stamps.append((path, -1, -1))
        else:
            stamps.append((path, status.st_size, status.st_mtime_ns))
    # A name on the disk may be none in UTF-8.
    return repr(stamps).encode(errors="replace").decode()


def _that_matter(options: Mapping[str, Option]) -> str:
    kept = {
        name: options[name]
        for name in sorted(options)
        if name not in _IN_THE_NEED and not name.removeprefix("no-").startswith(_HARMLESS)
    }
    return json.dumps(kept)

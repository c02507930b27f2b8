"""Engines: whether there is one, whether it runs here, whether it knows what is asked of it, what it can use."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from model_switcher.domain.errors import SwitcherError
from model_switcher.engine.binaries.find import WHERE_TO_GET_IT, find_engines
from model_switcher.engine.binaries.probe import probe
from model_switcher.engine.binaries.workers import OPTION, check_workers
from model_switcher.engine.doctor.finding import Finding, ok, problem, warning

if TYPE_CHECKING:
    from model_switcher.domain.engines import EngineBinary, EngineFacts
    from model_switcher.domain.launch import Options

TOPIC = "engine"

# What an engine of today knows, and what is lost without it.
_WANTED = {
    "--alias": "it cannot be told from a foreign server on the same port",
    "--fit": "it does not lower the context until a model fits",
    "--kv-unified": "its waiting requests cannot share one context",
}
_NEWER = "Install a newer one. "


async def engines(setting: str, *, gpu: str | None) -> list[Finding]:
    """Every engine that could be used.

    Args:
        setting: [server] engine of the settings.
        gpu: Name of a GPU that this machine has; None if it has none, as far as one can see.
    """
    try:
        found = await asyncio.to_thread(find_engines, setting)
    except SwitcherError as error:
        return [problem(TOPIC, error.message, error.hint)]
    if not found:
        return [problem(TOPIC, "No llama-server was found", WHERE_TO_GET_IT)]
    looked = await asyncio.gather(*map(_look, found))
    findings = [finding for findings, _ in looked for finding in findings]
    facts = [facts for _, facts in looked if facts is not None]
    if gpu is not None and facts and not any(one.devices for one in facts):
        findings.append(
            warning(
                TOPIC,
                f"No engine here can use the GPU ({gpu}): models run on the processor",
                f"Take a llama-server that is built for it, with CUDA, ROCm, Metal or Vulkan. {WHERE_TO_GET_IT}",
            )
        )
    return findings


async def workers(options: Options) -> list[Finding]:
    """The machines over which models are to be spread."""
    if OPTION not in options:
        return []
    try:
        await check_workers(options)
    except SwitcherError as error:
        return [problem(TOPIC, error.message, error.hint)]
    return [ok(TOPIC, f"Every worker can be reached: {options[OPTION]}")]


async def _look(binary: EngineBinary) -> tuple[list[Finding], EngineFacts | None]:
    where = "with this program" if binary.kind == "embedded" else binary.path
    try:
        facts = await probe(binary)
    except SwitcherError as error:
        sentence = error.message if where in error.message else f"{where}: {error.message}"
        return [problem(TOPIC, sentence, error.hint)], None
    devices = ", ".join(facts.devices) or "the processor alone"
    findings = [ok(TOPIC, f"{facts.version} ({where}) can use {devices}")]
    missing = [loss for flag, loss in _WANTED.items() if flag not in facts.flags]
    if missing and binary.kind == "llama-server":
        sentence = f"{facts.version} ({where}) is too old: {', and '.join(missing)}"
        findings = [warning(TOPIC, sentence, _NEWER + WHERE_TO_GET_IT)]
    return findings, facts

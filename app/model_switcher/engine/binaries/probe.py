"""Asks an engine binary what it is and what it can do."""

from __future__ import annotations

import asyncio
import contextlib
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from model_switcher.domain.engines import EngineFacts
from model_switcher.domain.errors import EngineUnusable
from model_switcher.domain.launch import known_flags
from model_switcher.domain.units import format_seconds
from model_switcher.engine.binaries.causes import describe_exit
from model_switcher.engine.binaries.causes.engine_rules import ENGINE_RULES
from model_switcher.engine.binaries.causes.rule import first_verdict
from model_switcher.engine.binaries.causes.verdict import Subject
from model_switcher.engine.binaries.environment import child_environment
from model_switcher.engine.binaries.find import WHERE_TO_GET_IT
from model_switcher.engine.binaries.machine import misfit
from model_switcher.engine.process.guards import kill_tree
from model_switcher.processes import process_created

if TYPE_CHECKING:
    from model_switcher.domain.engines import EngineBinary

DEADLINE = 20.0  # seconds; the first start of a GPU driver can take several

_VERSION = re.compile(r"^version: *(.+)$", re.MULTILINE)
_BUILD = re.compile(r"^(\d+) \([0-9a-f]+\)")
_NAMED_BUILD = re.compile(r"^(\S+) \(build (\d+), commit ([0-9a-f]+)\)")
_MISSING_LIBRARY = re.compile(
    r"error while loading shared libraries: ([^:\s]+)|Library not loaded: (?:\S*/)?(\S+)", re.IGNORECASE
)
_WRONG_FORMAT = {193, 216}  # ERROR_BAD_EXE_FORMAT, ERROR_EXE_MACHINE_TYPE_MISMATCH (winerror.h)
_ENOEXEC = 8


@dataclass(frozen=True, slots=True)
class _Answer:
    exit_code: int
    out: str
    log: str

    @property
    def text(self) -> str:
        return f"{self.out}\n{self.log}"


async def probe(binary: EngineBinary, *, deadline: float = DEADLINE) -> EngineFacts:
    """What `binary` says about itself.

    Args:
        binary: The engine.
        deadline: Seconds for all answers together.

    Raises:
        EngineUnusable: It does not run, or is not an engine.
    """
    try:
        async with asyncio.timeout(deadline):
            version, devices, usage = await _ask_all(binary, "--version", "--list-devices", "--help")
    except TimeoutError as error:
        raise EngineUnusable(
            f"{_name(binary)} did not say what it is within {format_seconds(deadline)}",
            hint="Is it llama-server? `model-switcher doctor` looks for others.",
        ) from error
    flags = known_flags(usage.text)
    if "--model" not in flags or "--port" not in flags:
        raise EngineUnusable(_why_not(binary, usage), hint=_hint(binary, usage))
    return EngineFacts(
        version=_version(version.text), devices=_devices(devices.text), flags=flags, usage=usage.out
    )


class EngineProber:
    """Probes each engine binary once, and again when its file has changed."""

    def __init__(self) -> None:
        self._probes: dict[tuple[object, ...], asyncio.Task[EngineFacts]] = {}

    async def facts(self, binary: EngineBinary) -> EngineFacts:
        """What `binary` says about itself; callers at the same time share one probe.

        Raises:
            EngineUnusable: It does not run, or is not an engine. The next call asks again.
        """
        key = _identity(binary)
        task = self._probes.get(key)
        if task is None:
            task = self._probes[key] = asyncio.create_task(probe(binary), name=f"probe {binary.path}")
            task.add_done_callback(lambda done: self._forget_failure(key, done))
        return await asyncio.shield(task)

    def _forget_failure(self, key: tuple[object, ...], task: asyncio.Task[EngineFacts]) -> None:
        if task.cancelled() or task.exception() is not None:
            del self._probes[key]


def _identity(binary: EngineBinary) -> tuple[object, ...]:
    try:
        status = Path(binary.path).stat()
    except OSError:
        return (binary.command,)
    return (binary.command, status.st_size, status.st_mtime_ns)


async def _ask_all(binary: EngineBinary, *questions: str) -> list[_Answer]:
    try:
        async with asyncio.TaskGroup() as group:
            asked = [group.create_task(_ask(binary, question)) for question in questions]
    except ExceptionGroup as errors:
        raise errors.exceptions[0] from None  # they all failed for the same reason
    return [task.result() for task in asked]


async def _ask(binary: EngineBinary, question: str) -> _Answer:
    try:
        process = await asyncio.create_subprocess_exec(
            *binary.command,
            question,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=child_environment(binary, key=""),
            **_spawn_options(),
        )
    except OSError as error:
        raise EngineUnusable(_why_not_started(binary, error), hint=WHERE_TO_GET_IT) from error
    created = process_created(process.pid) or 0.0
    try:
        out, log = await process.communicate()
    finally:
        if process.returncode is None:
            await _kill(process, created)
    code = process.returncode
    return _Answer(
        code if code is not None else 1, out.decode(errors="replace"), log.decode(errors="replace")
    )


async def _kill(process: asyncio.subprocess.Process, created: float) -> None:
    """Kill it with all that it started: it may be a script around the engine."""
    kill_tree(process.pid, created)
    # On some versions wait() waits for the pipes too, which a grandchild may keep open
    # (https://github.com/python/cpython/issues/119710).
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(1.0):
            await process.wait()


def _spawn_options() -> dict[str, Any]:
    if sys.platform == "win32":
        import subprocess  # noqa: PLC0415 - for this constant of Windows alone

        return {"creationflags": subprocess.CREATE_NO_WINDOW}
    return {"process_group": 0}


def _why_not_started(binary: EngineBinary, error: OSError) -> str:
    if error.errno == _ENOEXEC or getattr(error, "winerror", None) in _WRONG_FORMAT:
        reason = misfit(binary.path)
        return f"{_name(binary)} is not a program for this machine" + (f": it is {reason}" if reason else "")
    if isinstance(error, FileNotFoundError):
        return f"{_name(binary)} is not there any more"
    if isinstance(error, PermissionError):
        return f"{_name(binary)} may not be run: the system denies it"
    return f"{_name(binary)} could not be started: {error.strerror or error}"


def _why_not(binary: EngineBinary, answer: _Answer) -> str:
    library = _MISSING_LIBRARY.search(answer.text)
    if library:
        return f"{_name(binary)} cannot start: the library {library[1] or library[2]} is missing"
    if answer.exit_code != 0:
        return f"{_name(binary)} does not run: it {describe_exit(answer.exit_code)}"
    return f"{_name(binary)} is not llama-server: it does not know its options"


def _hint(binary: EngineBinary, answer: _Answer) -> str:
    """What to do about an engine that ended: what its own words tell, as when it is started for a model."""
    subject = Subject(model="", path=binary.path, engine=_name(binary))
    verdict = first_verdict(ENGINE_RULES, answer.text.splitlines(), subject, only_anytime=False)
    return verdict.hint if verdict is not None and verdict.hint else WHERE_TO_GET_IT


def _name(binary: EngineBinary) -> str:
    return "The embedded engine" if binary.kind == "embedded" else binary.path


def _version(text: str) -> str:
    match = _VERSION.search(text)
    if match is None:
        return "unknown version"
    said = match[1].strip()
    if build := _BUILD.match(said):
        return f"b{build[1]}"
    if named := _NAMED_BUILD.match(said):
        # Build 1 is what a source tree without its history calls itself.
        return f"b{named[2]}" if int(named[2]) > 1 else f"{named[1]} ({named[3]})"
    return said


def _devices(text: str) -> tuple[str, ...]:
    _, heading, listed = text.partition("Available devices:")
    lines = [line.strip() for line in listed.splitlines()[1:]] if heading else []
    found: list[str] = []
    for line in lines:
        if ": " not in line:
            break
        found.append(re.sub(r" \(\d+ MiB, \d+ MiB free\)$", "", line))
    return tuple(found)

"""Asks an engine itself what a model would take, for what the rules do not know.

llama.cpp accounts for a load before it allocates anything (common/fit.cpp), in about half a second. The engine is
started with the options of the model, its account is read from its log, and it is killed. Three options make sure that
it never gets as far as to load:

- `--fit on`: without it there is no account.
- `--fit-target`, larger than any memory: after the first account it makes another one, with less context, and has
  not finished that when it is killed.
- `--override-kv …context_length`: the context that is asked for passes for the one that the model was trained for. An
  explicit `--ctx-size` would not be lowered, and the load would begin at once.

The embedded engine has no `--override-kv`. It works on the processor alone, where a load that is killed as it begins has
only mapped its file.

What the account leaves out: copies of weights that the processor reorders (CPU_REPACK). Recurrent state is allocated.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
from typing import TYPE_CHECKING

import psutil

from model_switcher.domain.launch import arguments
from model_switcher.domain.need import Amount
from model_switcher.engine.binaries.environment import child_environment
from model_switcher.engine.needs.breakdown import VERBOSITY, Account, Table
from model_switcher.engine.process.child import STDERR, Child

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from model_switcher.domain.catalog import Model
    from model_switcher.domain.engines import EngineBinary
    from model_switcher.domain.launch import Option

DEADLINE = (
    60.0  # seconds; the first start of a GPU driver can take several, and others may keep the disk busy
)
KILL_SECONDS = 5.0

_NEEDED = frozenset({"--fit", "--fit-target", "--fit-ctx", "--log-verbosity"})
_OVERRIDE = "override-kv"
_ANSWERED_OTHERWISE = ("ctx-size", "fit", "fit-target", "fit-ctx", "verbosity", "verbose", "log-verbose")
_MORE_THAN_ANY = 1 << 20  # MiB
_SMALLEST = 256


def can_be_asked(binary: EngineBinary, flags: Collection[str]) -> bool:
    """Whether an engine with those flags gives an account before it loads."""
    return set(flags) >= _NEEDED and (binary.kind == "embedded" or f"--{_OVERRIDE}" in flags)


async def ask_engine(
    binary: EngineBinary,
    model: Model,
    options: Mapping[str, Option],
    *,
    ctx_size: int,
    deadline: float = DEADLINE,
) -> Account | None:
    """What the engine says that the model would take; None if it does not say.

    The engine runs with the lowest priority, and is gone on return, also when the caller gives up.

    Args:
        binary: An engine that `can_be_asked`.
        model: Whose architecture is known.
        options: Its launch options.
        ctx_size: Context in tokens, whatever the options say.
        deadline: Seconds.

    Raises:
        OSError: It could not be started, or the time was up: another time it may say it.
    """
    table = Table()
    done = asyncio.Event()

    def hear(stream: int, line: str) -> None:
        if stream == STDERR and table.hear(line):
            done.set()

    child = await Child.spawn(
        question(binary, model, options, ctx_size=ctx_size),
        environment=child_environment(binary, key=""),
        on_line=hear,
    )
    try:
        _let_others_go_first(child.pid)
        child.exited.add_done_callback(lambda _: done.set())
        async with asyncio.timeout(deadline):
            await done.wait()
    finally:
        child.kill()
        await asyncio.shield(child.wait(KILL_SECONDS))
        child.close()
    return _with_projector(table, options)


def question(
    binary: EngineBinary, model: Model, options: Mapping[str, Option], *, ctx_size: int
) -> list[str]:
    """The command line that asks."""
    asked = {
        name: value
        for name, value in options.items()
        if name not in _ANSWERED_OTHERWISE and not name.startswith("log-")
    }
    if binary.kind == "embedded":
        asked["ctx-size"] = ctx_size
    else:
        overrides = [str(asked[_OVERRIDE])] if _OVERRIDE in asked else []
        asked[_OVERRIDE] = ",".join([*overrides, f"{model.architecture}.context_length=int:{ctx_size}"])
    asked |= {
        "fit": "on",
        "fit-target": _MORE_THAN_ANY,
        "fit-ctx": min(_SMALLEST, ctx_size // 2),
        "log-verbosity": VERBOSITY,
    }
    projector = ["--mmproj", model.projector] if model.projector else []
    return [
        *binary.command,
        *("--model", model.path, *projector),
        *("--host", "127.0.0.1", "--port", "0"),
        *arguments(asked),
    ]


def _with_projector(table: Table, options: Mapping[str, Option]) -> Account | None:
    account = table.account
    if account is None or not table.projector:
        return account
    projector = Amount(weights=table.projector)
    offloaded = options.get("mmproj-offload", True) is not False and account.device.total > 0
    if offloaded:
        return Account(device=_sum(account.device, projector), host=account.host)
    return Account(device=account.device, host=_sum(account.host, projector))


def _sum(first: Amount, second: Amount) -> Amount:
    return Amount(
        weights=first.weights + second.weights,
        cache=first.cache + second.cache,
        compute=first.compute + second.compute,
    )


def _let_others_go_first(pid: int) -> None:
    """Lowest priority, for the processor and the disk; what the system does not do is left."""
    with contextlib.suppress(psutil.Error, OSError, AttributeError):
        process = psutil.Process(pid)
        if sys.platform == "win32":
            process.nice(psutil.IDLE_PRIORITY_CLASS)
        else:
            process.nice(19)
        if sys.platform == "linux":
            process.ionice(psutil.IOPRIO_CLASS_IDLE)
